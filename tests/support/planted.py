"""Secrets that are made up when they are asked for: many kinds, the same in each run, and written in no file."""

import random
import string

ALL = string.ascii_letters + string.digits
HEX, UPPER, URL = "0123456789abcdef", string.ascii_uppercase + string.digits, ALL + "-_"
LETTERS = {"a": ALL, "h": HEX, "U": UPPER, "u": URL, "d": string.digits, "b": ALL + "+/"}
BEGIN = "-" * 5 + "BEGIN"  # apart, so that no scanner takes this file for a key

# kind: a line of a file that holds one; what stands between « and » is the secret
KINDS = {
    "AWS access key": "id = «AKIA{16U}»",
    "AWS secret in a shell": "export AWS_SECRET_ACCESS_KEY=«{40b}»",
    "AWS session": "aws_session_token = «{120b}»",
    "GitHub classic": "see «ghp_{36a}» there",
    "GitHub app": "«ghs_{36a}»",
    "GitHub fine-grained": "«github_pat_{22a}_{59a}»",
    "GitLab": "«glpat-{20u}»",
    "GitLab runner": "«glrt-{20u}»",
    "Hugging Face": "login(«hf_{34a}»)",
    "OpenAI project": "«sk-proj-{48u}»",
    "OpenAI classic": "«sk-{48a}»",
    "Anthropic": "«sk-ant-api03-{90u}»",
    "Slack bot": "«xoxb-{12d}-{12d}-{24a}»",
    "Slack hook": "https://hooks.slack.com/services/«T{8U}/B{8U}/{24a}»",
    "Google key": "«AIza{35u}»",
    "Google session": "«ya29.{60u}»",
    "Google client": "«GOCSPX-{28u}»",
    "Stripe live": "«sk_live_{24a}»",
    "Stripe restricted": "«rk_live_{24a}»",
    "npm": "«npm_{36a}»",
    "npmrc": "//registry.example.org/:_authToken=«{36h}»",
    "PyPI": "«pypi-AgEIcHlwaS5vcmc{120u}»",
    "Docker Hub": "«dckr_pat_{27u}»",
    "Docker login": '"auth": "«{44b}»"',
    "JSON web token": "«eyJ{30u}.eyJ{60u}.{43u}»",
    "private key": BEGIN + " RSA PRIVATE KEY-----\n«{64b}»",
    "OpenSSH key": BEGIN + " OPENSSH PRIVATE KEY-----\n«{70b}»",
    "PGP key": BEGIN + " PGP PRIVATE KEY BLOCK-----\n«{64b}»",
    "PuTTY key": "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n«{64b}»",
    "password in Python": 'password = "«{4a}-horse-7{6a}»"',
    "password in YAML": "db_password: «h8{10a}!»",
    "password in JSON": '{"password": "«{9a}1»"}',
    "key in TOML": 'api_key = "«{25a}»"',
    "Comet": "COMET_API_KEY=«{25a}»",
    "Weights & Biases": "export WANDB_API_KEY=«{40h}»",
    "Kaggle": '{"username":"me","key":"«{32h}»"}',
    "netrc": "machine example.org login me password «{9a}»",
    "pgpass": "db.example.org:5432:main:me:«{9a}»",
    "address": "url: postgresql://me:«{11a}»@db/main",
    "address with odd letters": "url = https://me:«{6a}/{3a}#{3a}»@example.org/x",
    "address with a key": "https://example.org/data?access_token=«{24a}»",
    "signed address": "https://example.org/data?sv=2020&sig=«{40a}»&x=1",
    "Azure storage": "AccountName=x;AccountKey=«{86b}==»;",
    "Azure client": "«{3a}8Q~{34a}»",
    "Twilio": "«SK{32h}»",
    "SendGrid": "«SG.{22u}.{43u}»",
    "Mailchimp": "«{32h}-us14»",
    "Telegram": "bot(«{9d}:AA{33u}»)",
    "Discord": "«M{23a}.{6a}.{27u}»",
    "Databricks": "«dapi{32h}»",
    "DigitalOcean": "«dop_v1_{64h}»",
    "Vault": "«hvs.{24a}»",
    "age": "«AGE-SECRET-KEY-1{58U}»",
    "bearer": "Authorization: Bearer «{30a}»",
    "private token": "curl -H 'PRIVATE-TOKEN: «{20a}»' x",
    "curl": "curl -u me:«{10a}» https://example.org",
    "option": "mysql --password=«{10a}» main",
    "cluster": "    client-key-data: «{80b}»",
    "WireGuard": "PrivateKey = «{43b}=»",
    "bare word": "db_password: «swordfish»",
    "XML": "<password>«{9a}»</password>",
    "space": "aws configure set aws_secret_access_key «{40b}»",
    "cookie": "Cookie: session=«{30a}»",
    "signing key": "SIGNING_KEY: «{32h}»",
    "connection": "Server=db;User Id=me;Password=«{12a}»;",
    "Mapbox": "«sk.eyJ{40u}.{22u}»",
    "Tailscale": "«tskey-auth-{12a}-{30a}»",
    "Alibaba": "«LTAI{20a}»",
    "hook": "https://example.webhook.office.com/«webhookb2/{36u}»",
    "Figma": "«figd_{40u}»",
    "authorization in an address": "https://«{20a}»:x-oauth@registry.example.org",
    "password hash": "root:«$6${8a}${86a}»:19000:0:99999:7:::",
}


def of(seed: str, count: int, letters: str = ALL) -> str:
    """Letters that belong to a seed."""
    return "".join(random.Random(seed).choices(letters, k=count))


def token(seed: str, form: str) -> str:
    """A form whose `{count:letters}` are filled."""
    parts = form.split("{")
    filled = [parts[0]]
    for number, part in enumerate(parts[1:]):
        about, _, rest = part.partition("}")
        filled.append(of(f"{seed}{number}", int(about[:-1]), LETTERS[about[-1]]) + rest)
    return "".join(filled)


def planted(kind: str, seed: str = "") -> tuple[str, str]:
    """A line that holds a secret of that kind, and the secret."""
    line = token(kind + seed, KINDS[kind].replace('{"', '\x01"').replace('"}', '"\x02'))
    line = line.replace("\x01", "{").replace("\x02", "}")
    secret = line.partition("«")[2].partition("»")[0]
    return line.replace("«", "").replace("»", ""), secret
