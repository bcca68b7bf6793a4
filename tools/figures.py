"""Generate the tables and screenshots of README.md and docs/ from the measurements: `make figures`.

    python tools/figures.py                  tables from docs/figures/, screenshots of generated runs, the terminal
    python tools/figures.py tune report      these benchmarks are measured first; minutes to hours

docs/figures/NAME.json holds what a benchmark printed, with its command, day and machine. A function of TABLES turns it
into the table between `<!-- figures: NAME -->` and `<!-- /figures -->`.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from tools import terminal  # noqa: E402

MEASURED, IMAGES = ROOT / "docs" / "figures", ROOT / "docs" / "images"
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
MARKED = re.compile(r"(<!-- figures: (\S+) -->\n).*?(<!-- /figures -->)", re.DOTALL)
SIZES = ("20", "32", "50")
VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2"}
VIEWS: Mapping[str, tuple[Literal["light", "dark"], int, int, str]] = {
    "report": ("light", 1100, 830, "#grouped=1"),
    "report-dark": ("dark", 1100, 830, "#grouped=1"),
    "report-narrow": ("light", 400, 830, ""),
    "report-run": ("light", 1100, 830, "#run={0}"),
    "report-differs": ("light", 1100, 560, "#ticked={0},{1}&baseline={0}"),
}

Measurements = Mapping[str, Mapping[str, Any]]  # by benchmark


def main(names: list[str]) -> None:
    """Run the named benchmarks, take the screenshots, draw the terminal, renew the tables."""
    for name in names:
        measure(name)
    take_screenshots()
    terminal.renew()
    numbers = measured()
    for path in DOCUMENTS:
        before = path.read_text()
        if (after := renewed(before, numbers)) != before:
            path.write_text(after)
            print(f"renewed   {path.relative_to(ROOT)}")


def measure(name: str) -> None:
    """Run a benchmark and store the JSON line that it ends with."""
    command = ["python", f"benchmarks/{name}.py"]
    print(f"measuring {' '.join(command)}", flush=True)
    finished = subprocess.run([sys.executable, *command[1:]], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    measurement = {
        "command": " ".join(command),
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "found": json.loads(finished.stdout.strip().rpartition("\n")[2]),
    }
    # Speed is stored for two kinds of processor: columns of each.
    stem = "throughput_avx2" if name == "throughput" and "AVX-512" not in measurement["machine"] else name
    (MEASURED / f"{stem}.json").write_text(json.dumps(measurement, indent=1) + "\n")


def machine() -> str:
    """Processor model, cores and widest vectors, on which speeds depend."""
    from harness.worker import environment

    model, flags = environment.processor()
    widest = next((name for flag, name in VECTORS.items() if flag in (flags or [])), "neither AVX2 nor AVX-512")
    return f"{model}, {environment.cores()} cores, {widest}"


def measured() -> Measurements:
    """The result of each benchmark, by its name."""
    return {path.stem: json.loads(path.read_text())["found"] for path in sorted(MEASURED.glob("*.json"))}


def renewed(text: str, numbers: Measurements) -> str:
    """The document with each marked table generated again."""
    return MARKED.sub(lambda part: f"{part[1]}{TABLES[part[2]](numbers)}\n{part[3]}", text)


def table(head: tuple[str, ...], *rows: tuple[str, ...]) -> str:
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(row) + " |" if row else "|---" * len(head) + "|" for row in (head, (), *rows))


def percent(value: float, digits: int = 1) -> str:
    return f"{100 * value:.{digits}f} %"


def sizes(values: Mapping[str, float | None], digits: int = 2) -> list[str]:
    """A column for each size; `-` where a contender does not run."""
    return [f"{value:.{digits}f}" if (value := values[size]) is not None else "-" for size in SIZES]


def takes(numbers: Measurements) -> str:
    """What each main command takes, and what it gives."""
    fresh, spread, fast = numbers["train"], numbers["seeds"], numbers["accuracy"]
    over, burst, page = (numbers["overhead"], numbers["burst"], numbers["report"]["20000"])
    speeds = {"AVX2": numbers["throughput_avx2"], "AVX-512": numbers["throughput"]}
    ratios = "; ".join(
        f"{kind}: {', '.join(sizes(result['keras_ratio']))} times the speed of Keras's `fit`, "
        f"{', '.join(sizes(result['torch_ratio']))} times that of PyTorch"
        for kind, result in speeds.items()
    )
    return table(
        ("command", "result"),
        (
            "`make train`",
            f"{fresh['wall_s']} s from a fresh clone with packages in the download cache; {fresh['run_s']} s of it the "
            f"run on the sample, {percent(fresh['test_accuracy'], 0)} test accuracy",
        ),
        (
            "`python benchmarks/seeds.py`",
            f"`mode=local` on CIFAR-10: {percent(spread['mean'])} test accuracy after two epochs of 19,000 images, "
            f"mean of {spread['n']} seeds, standard deviation {100 * spread['spread']:.2f} points",
        ),
        (
            "`python benchmarks/accuracy.py`",
            f"`+experiment=fast` on CIFAR-10: {percent(fast['ours'], 2)} test accuracy, mean of {fast['n']} seeds that "
            f"lie {100 * fast['spread']:.2f} points apart, in {fast['minutes']} minutes each; a plain PyTorch "
            f"ResNet-20 in that time, with the best of three learning rates: {percent(fast['torch'], 2)}",
        ),
        (
            "`python benchmarks/throughput.py`",
            f"speed of training ResNet-20, 32 and 50, in this order, with {ratios}; "
            f"{numbers['throughput']['peak_rss_gb']} GB at most",
        ),
        (
            "`python benchmarks/overhead.py`",
            f"to refuse a wrong setting takes {over['error_vs_hydra']:.1f} times as long as `import hydra`; a run in a "
            f"process {over['process_vs_bare']:.2f} times as long as the same script alone; one in a container "
            f"{over['container_minus_sdk_s']:.1f} s longer than a bare `ModelTrainer` script",
        ),
        (
            "`python benchmarks/burst.py`",
            f"to start a job in the cloud takes {burst['submit_minus_sdk_s']:.1f} s longer than in a bare "
            "`ModelTrainer` script (emulator, `mode.preflight=false`); a second job on the same data uploads "
            f"{burst['second_data_bytes']} bytes of data and {burst['second_code_bytes'] / 1000:.0f} kB of code and "
            "plan",
        ),
        (
            "`python benchmarks/report.py`",
            f"a report of 20,000 runs: gathered in {page['warm_s'][1]:.1f} s, {page['mb']:.1f} MB, first chart after "
            f"{page['first_chart_s'][1]:.1f} s, a filter in {page['filter_ms'][1]:.0f} ms",
        ),
    )


def seeds(numbers: Measurements) -> str:
    """The spread over seeds, on which the band of equivalence rests."""
    result = numbers["seeds"]
    return table(
        ("seeds", "mean test accuracy", "standard deviation s", "largest - smallest", "of counting 10,000 images"),
        (str(result["n"]), *(f"{result[name]:.4f}" for name in ("mean", "spread", "range", "noise"))),
    )


def throughput(numbers: Measurements) -> str:
    """Speed relative to Keras and PyTorch, by processor and size."""
    names = {
        "keras_ratio": "over Keras's `fit` with its defaults",
        "torch_ratio": "over PyTorch, channels last",
        "torch_compile_ratio": "over PyTorch, compiled",
        "peak_share": "share of the machine's peak (a matrix product in the same call)",
    }
    kinds = {"AVX2": numbers["throughput_avx2"], "AVX-512": numbers["throughput"]}
    rows = [
        (words, *(each for result in kinds.values() for each in sizes(result[name]))) for name, words in names.items()
    ]
    more = {
        "determinism_cost": ("cost of determinism", percent),
        "time_growth": ("time per image with 50,000 images over that with 10,000", "{:.2f}".format),
        "peak_rss_gb": ("peak memory of a run with all data", "{} GB".format),
        "first_step_s": ("from the process's start to the first step, more than TensorFlow's import", "{} s".format),
    }
    rows += [
        (words, *(each for result in kinds.values() for each in (text(result[name]), "", "")))
        for name, (words, text) in more.items()
    ]
    head = ("", *(f"{kind}: ResNet-{size}" if size == "20" else size for kind in kinds for size in SIZES))
    return table(head, *rows)


def tune(numbers: Measurements) -> str:
    """Optuna against random search."""
    result = numbers["tune"]
    return table(
        ("sampler seed", "Optuna", "random"),
        *((str(seed), f"{one:.4f}", f"{other:.4f}") for seed, one, other in result["each"]),
        ("mean", f"{result['optuna']:.4f}", f"{result['random']:.4f}"),
    )


def report(numbers: Measurements) -> str:
    """What the report takes, by the number of runs."""
    found = numbers["report"]
    rows = [
        (
            f"{int(size):,} generated" + (f", {each['real']} real" if each["real"] else ""),
            f"{each['cold_s']:.1f} s ({each['cold_cpu_s']:.1f} s)",
            f"{each['warm_s'][0]:.1f} s, {each['warm_s'][1]:.1f} s ({each['warm_cpu_s']:.1f} s)",
            f"{each['mb']:.1f} MB",
            f"{each['first_chart_s'][0]:.1f} s, {each['first_chart_s'][1]:.1f} s",
            f"{each['filter_ms'][0]:.0f} ms, {each['filter_ms'][1]:.0f} ms",
            f"{each['load']:.0f}",
        )
        for size, each in found.items()
        if size.isdecimal()
    ]
    head = ("runs", "gathered without an index", "with one", "file", "first chart", "a filter", "load")
    whole = found["fifty_s"]
    rows.append(("50 generated, the whole command", "", f"{whole[0]:.2f} s, {whole[1]:.2f} s", "", "", "", ""))
    return table(head, *rows)


def images(numbers: Measurements) -> str:
    """How fast images come, beside grain and tf.data."""
    result = numbers["input"]
    names = ("ours", "grain", "grain_processes", "tf_data")
    rows = [
        (words, *(f"{result[kind][name]:,}" for name in names), f"{result['ratio'][kind]:.2f}")
        for kind, words in (("raw", "read and shuffled"), ("decoded", "and decoded"))
    ]
    return table(
        ("images a second", "packed", "grain", "grain, 2 processes", "tf.data", "packed to the best other"), *rows
    )


def gpu(numbers: Measurements) -> str:
    """Images per second on a GPU, medians of three blocks, beside PyTorch's."""
    parts = numbers["gpu"]["parts"]
    kinds = [name.removeprefix("xla/") for name in parts if name.startswith("xla/") and "#" not in name]
    rows = []
    for kind in kinds:
        blocks, peer = parts[f"xla/{kind}"].get("images_per_second"), parts.get(f"torch/{kind}", {})
        if blocks:
            ours, (size, batch, precision) = statistics.median(blocks), kind.split("/")
            theirs = statistics.median(peer["images_per_second"]) if peer else None
            beside = (f"{theirs:,.0f}", f"{ours / theirs:.2f}") if theirs else ("not measured", "")
            rows.append((f"ResNet-{size}", precision, batch, f"{ours:,.0f}", *beside))
    return table(("", "precision", "batch", "ours", "PyTorch, compiled", "ratio"), *rows)


TABLES: dict[str, Callable[[Measurements], str]] = {
    "takes": takes,
    "seeds": seeds,
    "throughput": throughput,
    "tune": tune,
    "report": report,
    "gpu": gpu,
    "images": images,
}


def take_screenshots() -> None:
    """The report on generated runs: light, dark, grouped, narrow; a run's own page, and what differs between two."""
    from playwright.sync_api import sync_playwright

    from benchmarks import generated_runs
    from harness.report import gather, page

    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as play:
        folder = Path(scratch)
        generated_runs.leave(folder / "runs", 180)
        (folder / "unpacked").mkdir()
        runs = gather.table(folder / "runs", [], folder / "unpacked")
        target = folder / "report.html"
        ids = sorted(path.parent.name for path in folder.glob("runs/*/plan.json"))[:10:9]
        target.write_text(page.assemble(runs, live=False, now=datetime(2026, 3, 2, tzinfo=UTC)))
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (scheme, width, height, view) in VIEWS.items():
            shown = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            shown.goto(target.as_uri() + view.format(*ids))
            shown.wait_for_function("!!context && performance.getEntriesByName('first-chart').length > 0")
            shown.wait_for_timeout(2000)  # the charts below follow while the browser idles
            if "ticked" in view:
                shown.click("#differ")
            shown.screenshot(path=IMAGES / f"{name}.png")
            print(f"screenshot docs/images/{name}.png")
        browser.close()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*", metavar="BENCHMARK", help="of benchmarks/: measured anew first")
    asked = options.parse_args().names
    if unknown := [name for name in asked if not (ROOT / "benchmarks" / f"{name}.py").exists()]:
        options.error(f"no benchmarks/{unknown[0]}.py")
    main(asked)
