import ast
from pathlib import Path

from harness.contract import bundle
from harness.tracking import inside

ROOT = Path(__file__).parents[2]


def imported(module: str) -> set[str]:
    """The harness modules that a module's source imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / "src" / "harness" / f"{module}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "harness":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("harness."):
            found.add(str(node.module).removeprefix("harness."))
    return found


def test_the_bundle_is_what_the_worker_imports_and_nothing_else():
    reached, todo = {"__init__"}, {"worker"}
    while todo:
        reached |= todo
        todo = set().union(*(imported(module) for module in todo)) - reached
    assert sorted(reached) == sorted(bundle.MODULES)


def test_the_companion_is_what_it_imports_and_nothing_else():
    def file(name: str) -> str:
        path = name.replace(".", "/")
        return f"{path}/__init__" if (ROOT / "src" / "harness" / path).is_dir() else path

    reached, todo = {"__init__"}, {"companion", "tracking/__main__", "tracking/logged"}
    while todo:
        reached |= todo
        todo = {file(name) for module in todo for name in imported(module)} - reached
    assert sorted(reached) == sorted(inside.MODULES)


def test_the_pipeline_retrains_when_the_bundle_or_what_is_published_changes_and_for_nothing_else():
    ignored = set((ROOT / ".dvcignore").read_text().split())
    sources = [path.relative_to(ROOT).as_posix() for path in (ROOT / "src" / "harness").glob("*.py")]
    seen = [path for path in sources if f"/{path}" not in ignored]
    assert sorted(seen) == sorted(f"src/harness/{module}.py" for module in (*bundle.MODULES, "publish"))
    packages = [path.name for path in (ROOT / "src" / "harness").iterdir() if (path / "__init__.py").exists()]
    assert [name for name in packages if f"/src/harness/{name}" not in ignored] == []


def test_what_is_written_is_received_with_the_same_hashes(tmp_path):
    files = bundle.collect(ROOT)
    bundle.write(files, tmp_path)
    received = bundle.received(tmp_path)
    assert bundle.code_hash(received) == bundle.code_hash(files)
    assert bundle.lock_hash(received) == bundle.lock_hash(files)


def test_a_changed_an_added_and_a_missing_module_change_the_code_hash(tmp_path):
    files = bundle.collect(ROOT)
    changed = {**files, "harness/fit.py": files["harness/fit.py"] + b"\n"}
    missing = {name: content for name, content in files.items() if name != "harness/fit.py"}
    bundle.write({**files, "harness/extra.py": b""}, tmp_path)
    hashes = {bundle.code_hash(each) for each in (files, changed, missing, bundle.received(tmp_path))}
    assert len(hashes) == 4
