"""What secrets look like: the tokens of known services, files that hold keys, and names that speak of a secret.

The group `secret` is what a redaction removes; without one, the whole match.
"""

import re

from harness.provenance.rule import rule as _rule

NAME = re.compile(
    r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|PRIVATE|COOKIE|CONNECTION_STRING"
    r"|(^|_|SSH|PG)PASS$|_(PWD|PAT|AUTH|DSN)$",
    re.IGNORECASE,
)  # of an environment variable

FILE = re.compile(
    r"(^|/)("
    r"\.env(rc|\..*)?|.*\.env|[._]netrc|\.git-credentials|\.npmrc|\.yarnrc(\.yml)?|\.pypirc|\.pgpass|\.my\.cnf"
    r"|\.htpasswd|\.boto|\.s3cfg|\.dockercfg|\.dockerconfigjson|\.terraformrc|\.vault-token|\.comet\.config|comet\.ini"
    r"|pip\.conf|kaggle\.json|kubeconfig.*|.*\.kubeconfig|\.?htpasswd|service[-_]?account.*\.json|client_secret.*\.json"
    r"|application_default_credentials\.json|accesskeys\.csv|.*_accesskeys\.csv"
    r"|(.*[-_.])?(credentials?|secrets?|passwords?|passwd|token|api[-_]?keys?)"
    r"(\.(json|csv|ya?ml|ini|toml|txt|xml|db|cfg|conf|properties|enc|bak|old|orig))?"
    r"|.*\.(pem|key|p8|p12|pfx|jks|keystore|kdbx?|ppk|asc|gpg|pgp|ovpn|tfstate(\.backup)?|tfvars|mobileprovision)"
    r"|id_[a-z0-9]+|id_(rsa|dsa|ecdsa|ed25519)[-_.](?!pub$).*|.*_(rsa|dsa|ecdsa|ed25519)"
    r")$"
    r"|(^|/)(\.aws|\.ssh|\.gnupg|\.azure|\.kaggle|\.kube|\.docker|\.config/gcloud|\.config/gh)/",
    re.IGNORECASE,
)

# Nobody can look into these without unpacking them.
CLOSED = re.compile(
    r"\.(zip|whl|jar|gz|tgz|bz2|xz|zst|lz4|7z|rar|tar|sqlite3?|db|pkl|pickle|pyc)$",
    re.IGNORECASE,
)


# The body of a private key, in lines or with \\n between them as in JSON: what a redaction removes with its first line.
BODY = r"(?:(?!-----)(?:\\[nr]|[\sA-Za-z0-9+/=:,.-])){0,16384}+(?:-----END[ A-Z0-9]{0,40}-----)?"
KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?!.*-----END)|Private-Lines:")
KEY_LINE = re.compile(r"[\s>|+-]*(?:[A-Za-z0-9+/=]{1,120}|(?:Proc-Type|DEK-Info|Comment|Version)\b.*)?\s*")

S, E = r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_])"  # a token's two ends

KNOWN = (
    _rule(
        "private key",
        "private",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?:[A-Z ]*-----" + BODY + r")?",
        True,
    ),
    _rule(
        "private key",
        "putty-user-key-file",
        r"PuTTY-User-Key-File-\d(?:[^\0]{0,8192}?Private-Lines:\s*\d+(?:\s+[A-Za-z0-9+/=]{1,100}(?=\s|$))*+)?",
        True,
    ),
    _rule("private key", "age-secret-key", r"AGE-SECRET-KEY-1[A-Z0-9]{20,}"),
    _rule("AWS key", "akia asia abia acca", S + r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}" + E),
    _rule("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{30,}"),
    _rule("GitHub token", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,}"),
    _rule("GitLab token", "gl", S + r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[\w-]{18,}"),
    _rule("GitLab token", "gr1348941", r"GR1348941[\w-]{20,}"),
    _rule("Hugging Face token", "hf_ api_org_", S + r"(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    _rule("OpenAI or Anthropic key", "sk-", S + r"sk-(?:[a-z]+\d*-)*[A-Za-z0-9_-]{20,}"),
    _rule("Slack token", "xox xapp-", S + r"(?:xox[a-z]|xapp)-[\w-]{10,}"),
    _rule("Slack address", "hooks.slack.com", r"hooks\.slack\.com/(?:services|workflows)/[\w/+-]{20,}"),
    _rule("Google key", "aiza", S + r"AIza[\w-]{35}"),
    _rule("Google token", "ya29. gocspx- 1//0", r"ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}|\b1//0[\w-]{30,}"),
    _rule("Stripe key", "_live_ _test_ whsec_", S + r"(?:(?:sk|rk|pk)_(?:live|test)|whsec)_[A-Za-z0-9+/]{14,}"),
    _rule("npm token", "npm_", S + r"npm_[A-Za-z0-9]{30,}"),
    _rule("PyPI token", "pypi-", r"pypi-[\w-]{40,}"),
    _rule("RubyGems key", "rubygems_", r"rubygems_[0-9a-f]{40,}"),
    _rule("Docker token", "dckr_", r"dckr_(?:pat|oat)_[\w-]{20,}"),
    _rule("JSON web token", "eyj", S + r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"),
    _rule(
        "Azure key", "accountkey= sharedaccesskey=", r"(?i)(?:Account|SharedAccess)Key=(?P<secret>[\w+/]{20,}={0,2})"
    ),
    _rule("Azure secret", "8q~", r"[\w~.-]{3}8Q~[\w~.-]{30,}"),
    _rule("Twilio or SendGrid key", "sg. sk ac", S + r"(?:SG\.[\w-]{16,}\.[\w-]{16,}|(?:SK|AC)[0-9a-f]{32})" + E),
    _rule("Mailchimp or Mailgun key", "-us key-", S + r"(?:[0-9a-f]{32}-us\d{1,2}|key-[0-9a-f]{32})" + E),
    _rule("Telegram token", ":aa", S + r"\d{8,10}:AA[\w-]{32,33}" + E),
    _rule("Discord token", ".", S + r"[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,}" + E),
    _rule("Discord address", "api/webhooks/", r"discord(?:app)?\.com/api/webhooks/\d+/[\w-]{20,}"),
    _rule("Databricks token", "dapi", S + r"dapi[0-9a-f]{32}"),
    _rule("DigitalOcean token", "_v1_", S + r"do[opr]_v1_[0-9a-f]{40,}"),
    _rule("Vault token", "hvs. hvb. hvr.", S + r"hv[sbr]\.[\w-]{20,}"),
    _rule("Terraform token", ".atlasv1.", r"\w{14}\.atlasv1\.[\w-]{40,}"),
    _rule("Grafana token", "glsa_ glc_", S + r"(?:glsa|glc)_[\w+/=-]{30,}"),
    _rule("Sentry token", "sntry", S + r"sntry[su]_[\w+/=-]{30,}"),
    _rule("Shopify token", "shp", S + r"shp(?:at|ca|pa|ss)_[0-9a-f]{32}"),
    _rule("Square token", "sq0 eaaa", S + r"(?:sq0[a-z]{3}-[\w-]{22,}|EAAA[\w-]{60})"),
    _rule("Airtable token", "pat", S + r"pat\w{14}\.[0-9a-f]{64}"),
    _rule("Atlassian token", "atatt3 atctt3 atbb", S + r"(?:AT[AC]TT3[\w=-]{50,}|ATBB[A-Za-z0-9]{28,})"),
    _rule(
        "Supabase, Figma or Netlify token", "sbp_ figd_ nfp_", S + r"(?:sbp_[0-9a-f]{40}|figd_[\w-]{30,}|nfp_\w{30,})"
    ),
    _rule(
        "Notion or Linear key", "ntn_ secret_ lin_api_", S + r"(?:ntn_\w{40,}|secret_[A-Za-z0-9]{43}|lin_api_\w{30,})"
    ),
    _rule("New Relic or Postman key", "nrak- pmak-", S + r"(?:NRAK-[A-Z0-9]{27}|PMAK-[0-9a-f-]{50,})"),
    _rule(
        "Pulumi, Doppler or PlanetScale token",
        "pul- dp. pscale_",
        S + r"(?:pul-[0-9a-f]{40}|dp\.[a-z]{2,5}\.\w{40,}|pscale_\w+_[\w.-]{30,})",
    ),
    _rule(
        "key of a model's host",
        "r8_ gsk_ xai- pplx- lsv2_ nvapi-",
        S + r"(?:r8_|gsk_|xai-|pplx-|lsv2_(?:pt|sk)_|nvapi-)[\w-]{30,}",
    ),
    _rule("JFrog token", "akcp", S + r"AKCp[A-Za-z0-9]{60,}"),
    _rule("Firebase or Facebook key", "apa91b eaa", r"APA91b[\w-]{60,}|" + S + r"EAA[A-Za-z0-9]{60,}"),
    _rule("Mapbox token", "k.eyj", S + r"[ps]k\.eyJ[\w-]{20,}\.[\w-]{10,}"),
    _rule(
        "Tailscale, Brevo or 1Password key",
        "tskey- xkeysib- ops_eyj",
        r"tskey-[a-z]+-\w{10,}|xkeysib-\w{30,}|ops_eyJ\w{40,}",
    ),
    _rule("Alibaba or Tencent key", "ltai akid", S + r"(?:LTAI|AKID)[A-Za-z0-9]{12,36}" + E),
    _rule(
        "NuGet, Prefect or Clojars key",
        "oy2 pnu_ pnb_ clojars_",
        S + r"(?:oy2[a-z0-9]{43}|pn[ub]_\w{30,}|CLOJARS_\w{50,})",
    ),
    _rule("CI token", "ccipat_ bkua_ cfpat-", S + r"(?:CCIPAT_|bkua_|CFPAT-)[\w-]{30,}"),
    _rule(
        "address of a hook",
        "webhookb2/ hooks.zapier.com",
        r"webhookb2/[\w@-]{20,}|hooks\.zapier\.com/hooks/catch/\d+/\w+",
    ),
    _rule("password hash", "$", r"\$(?:apr1|1|5|6|2[aby]|argon2id?|y)\$[\w./$,=+-]{20,}"),
    _rule(
        "authorization",
        "bearer authorization private-token x-api-key",
        r"(?i)(?:authorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token|digest)?|bearer|private-token[\"']?\s*:"
        r"|x-api-key[\"']?\s*:)\s+[\"']?(?P<secret>[\w.~+/=-]{16,})",
    ),
)

# An address with a password; `${NAME}` and `<password>` in its place are none.
ADDRESS = _rule(
    "address with a password",
    "@",
    r":/{1,2}(?P<user>[^\s/:@'\"<>\[\]]{0,200}):(?P<secret>[^\s'\"<>${}]{3,200}?)@(?=[\w.\[-])",
)
QUERY = _rule(
    "address with a key",
    "? & ;",
    r"(?i)[?&;](?:[\w-]{0,40}(?:token|api[_-]?key|secret|password|passwd|signature|credential)|key|sig|sas|pwd|auth)"
    r"=(?P<secret>[^\s&'\"<>${}]{8,})",
)
USER = _rule(
    "address with a token",
    "@",
    r":/{1,2}(?P<secret>(?=[\w.~%-]{0,199}\d)(?=[\w.~%-]{0,199}[A-Za-z])[\w~%-]{20,200})(?=:[^\s/@]{0,99}@|@)",
)
GENERAL = (ADDRESS, QUERY, USER)

# Forms of files that hold credentials under names that say nothing.
FORMS = (
    _rule(
        "netrc password",
        "password",
        r"(?i)\blogin\s+\S+\s+password\s+(?P<secret>\S+)|\bmachine\s+\S+[^\n]{0,200}\bpassword\s+(?P<value>\S+)",
    ),
    _rule(
        "npm password",
        "_auth _password",
        r"(?im)(?:_authToken|(?:^|[/:])_(?:auth|password))\s*=\s*\"?(?P<secret>[^\s\"$]{6,})",
    ),
    _rule("pgpass password", ":", r"(?m)^[\w.*-]+:(?:\d{2,5}|\*):[\w*-]+:[\w*-]+:(?P<secret>[^\s:]{4,})$"),
    _rule("Docker login", "auth", r"\"(?:auth|identitytoken)\"\s*:\s*\"(?P<secret>[\w+/=.-]{8,})\""),
    _rule("Kaggle key", "key", r"\"key\"\s*:\s*\"(?P<secret>[0-9a-f]{32})\""),
    _rule("cluster key", "client-key-data", r"client-key-data:\s*(?P<secret>[\w+/=]{16,})"),
    _rule("cluster secret", "kind:", r"(?m)^\s*kind:\s*Secret\s*$"),
    _rule(
        "password of a command",
        "-u --user --pass sshpass",
        r"(?:curl|wget|http|mysql|ftp)\b[^\n]{0,200}\s(?:-u|--user|--password)[ =]?['\"]?(?:[^\s:$]+:)"
        r"(?P<secret>[^\s'\"$]{4,})|--pass(?:word|wd|phrase)?[= ]['\"]?(?P<value>[^\s'\"$<{-][^\s'\"$<{]{5,})"
        r"|sshpass\s+-p\s*(?P<pass>\S+)",
    ),
    _rule("WireGuard key", "privatekey presharedkey", r"(?i)(?:Private|Preshared)Key\s*=\s*(?P<secret>[\w+/]{43}=)"),
)
