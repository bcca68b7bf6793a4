import hashlib
import io
import json
import tarfile

import boto3
import pytest
from moto import mock_aws

from harness.cloud.aws import store as store_module
from harness.cloud.aws.copies import Copies
from harness.cloud.aws.store import Store, unpack
from harness.contract.errors import RunFailed

TYPES = {kind: getattr(tarfile, f"{kind}TYPE") for kind in ("DIR", "SYM", "LNK", "CHR", "FIFO")}


def archive(path, *members):
    """A .tar.gz of (name, content or kind)."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = TYPES[content], "/etc/passwd"
                tar.addfile(info)
    return path


def test_plain_files_and_folders_are_unpacked(tmp_path):
    unpack(archive(tmp_path / "a", ("./", "DIR"), ("./record.json", b"{}"), ("in/it", b"x")), tmp_path / "to")
    assert (tmp_path / "to" / "record.json").read_bytes() == b"{}"
    assert (tmp_path / "to" / "in" / "it").read_bytes() == b"x"


@pytest.mark.parametrize(
    "member",
    [
        ("../out", b"x"),
        ("in/../../out", b"x"),
        ("/tmp/out-of-an-archive", b"x"),
        ("link", "SYM"),
        ("link", "LNK"),
        ("device", "CHR"),
        ("pipe", "FIFO"),
    ],
)
def test_nothing_is_written_outside_and_nothing_but_files(tmp_path, member):
    with pytest.raises(RunFailed, match="which no run leaves"):
        unpack(archive(tmp_path / "a", member), tmp_path / "to")
    assert {path.name for path in tmp_path.rglob("*")} <= {"a", "to"}


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: b"no archive"])
def test_a_damaged_archive_is_said_to_be_one(tmp_path, damage):
    path = archive(tmp_path / "a", ("model.keras", bytes(range(256)) * 400))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunFailed, match="is damaged"):
        unpack(path, tmp_path / "to")


def test_one_flipped_byte_is_found(tmp_path):
    path = archive(tmp_path / "a", ("model.keras", bytes(range(256)) * 400))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunFailed):
        unpack(path, tmp_path / "to")


@pytest.mark.parametrize(("limit", "value"), [("TOTAL", 100_000), ("MOST", 3), ("PIECE", 10_000)])
def test_an_archive_that_is_too_much_is_said_to_be_one(tmp_path, monkeypatch, limit, value):
    long = ("x" * 90 + "/") * 200 + "x"  # its header takes 18 kB
    members = [(long, b"") if limit == "PIECE" else (f"file-{number}", bytes(40_000)) for number in range(5)]
    path = archive(tmp_path / "a", *members)
    monkeypatch.setattr(store_module, limit, value)
    with pytest.raises(RunFailed, match=f"at most {value} are read|more than {value} (bytes|files)"):
        unpack(path, tmp_path / "to")


@pytest.fixture
def store(monkeypatch):
    """A place in a bucket of moto's, in this process."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="mine")
        yield Store(client, "mine", "prefix")


def keys(store):
    found = store.client.list_objects_v2(Bucket="mine")
    return [each["Key"] for each in found.get("Contents", ())]


def test_a_folder_is_complete_when_its_marker_says_so(store):
    lines = []
    files = {"a": b"one", "b/c": b"two"}
    store.put_folder("code/x", files, lines.append)
    assert keys(store) == ["prefix/code/x.json", "prefix/code/x/a", "prefix/code/x/b/c"] and lines
    sent = len(lines)
    store.put_folder("code/x", files, lines.append)
    assert len(lines) == sent
    store.client.delete_object(Bucket="mine", Key="prefix/code/x.json")
    store.put_folder("code/x", files, lines.append)  # another program was ended before it had written that
    assert keys(store)[0] == "prefix/code/x.json"
    store.client.put_object(Bucket="mine", Key="prefix/code/x/a", Body=b"torn")
    store.put_folder("code/x", files, lines.append)
    assert store.client.get_object(Bucket="mine", Key="prefix/code/x/a")["Body"].read() == b"one"


def test_of_a_new_version_what_changed_is_sent_and_the_rest_is_copied_in_s3(store, tmp_path):
    files = {f"shard-{number}.tar": bytes([number]) * 1000 for number in range(20)} | {"index.bin": b"old"}
    paths = {}
    for name, content in files.items():
        paths[name] = tmp_path / name
        paths[name].write_bytes(content)
    store.put_folder("datasets/old", paths, lambda line: None, alike="datasets")
    paths["shard-3.tar"].write_bytes(b"new")
    paths["index.bin"].write_bytes(b"new index")
    sent, lines = [], []
    store.client.meta.events.register(
        "before-parameter-build.s3.PutObject", lambda params, **_: sent.append(params["Key"].rpartition("/")[2])
    )
    store.put_folder("datasets/new", paths, lines.append, alike="datasets")
    assert sorted(sent) == ["index.bin", "new.json", "shard-3.tar"]
    assert any("19 of 21 files are in S3 already" in line for line in lines)
    for name, path in paths.items():
        stored = store.client.get_object(Bucket="mine", Key=f"prefix/datasets/new/{name}")["Body"].read()
        assert stored == path.read_bytes()
    sent.clear()
    store.put_folder("datasets/new", paths, lines.append, alike="datasets")
    assert not sent


def test_under_a_key_of_ones_own_where_an_etag_is_no_md5_the_markers_tell_what_is_there(store):
    """moto gives such an object another ETag, as S3 does."""
    files = {"a": b"one", "b": b"two"}
    store.put_folder("datasets/old", files, lambda line: None)
    listed = store._listing("datasets/old/")
    marker = json.loads(store.client.get_object(Bucket="mine", Key="prefix/datasets/old.json")["Body"].read())
    # as if the ETags were not the md5s: the marker's md5s are other ones
    other = {path: [hashlib.md5(files[path] + b"!").hexdigest(), etag] for path, (_, etag) in marker.items()}
    store.client.put_object(Bucket="mine", Key="prefix/datasets/old.json", Body=json.dumps(other).encode())
    found = Copies(store.client, "mine", "prefix/datasets/")
    taken = found.take("prefix/datasets/new", {path: md5 for path, (md5, _) in other.items()}, lambda line: None)
    assert taken.keys() == files.keys() and set(taken.values()) == set(listed.values())


def test_what_a_marker_says_of_an_object_that_has_changed_since_is_not_believed(store):
    store.put_folder("datasets/old", {"a": b"one"}, lambda line: None)
    store.client.put_object(Bucket="mine", Key="prefix/datasets/old/a", Body=b"other")
    store.put_folder("datasets/new", {"a": b"one"}, lambda line: None, alike="datasets")
    assert store.client.get_object(Bucket="mine", Key="prefix/datasets/new/a")["Body"].read() == b"one"


def test_a_name_that_leads_elsewhere_is_not_fetched(store, tmp_path):
    for name in ("a", "b/c", "../../up", "/abs", "x\\y"):
        store.client.put_object(Bucket="mine", Key=f"prefix/runs/1/{name}", Body=b"x")
    found = store.get_folder("runs/1", tmp_path / "in" / "it")
    assert [path.relative_to(tmp_path / "in" / "it").as_posix() for path in found] == ["a", "b/c"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "c", "in", "it"]
