"""The nouns of the harness: config, provenance, dataset, plan, launch, worker, record. `load` is for notebooks."""

TYPE_CHECKING = False  # as in typing, which would be imported by every command for this alone
if TYPE_CHECKING:
    from harness.report.notebook import load as load
else:

    def __getattr__(name: str) -> object:
        if name != "load":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from harness.report import notebook  # late: importing the harness costs nothing, and a worker has no report

        return notebook.load
