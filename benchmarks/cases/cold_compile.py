"""First compilation of every kernel of the default run, without a cache."""

from harness import Case, Program, main


def run(_: str) -> dict:
    import importlib
    import pkgutil
    import time

    import numba  # noqa: F401  (its import is not compilation)

    import imscope.engine
    from imscope.core.jit import KERNELS

    for module in pkgutil.walk_packages(imscope.engine.__path__, "imscope.engine."):
        if "dask" not in module.name:
            importlib.import_module(module.name)

    start = time.process_time()
    each = {}
    for kernel in KERNELS:
        before = time.process_time()
        kernel.compile()
        each[kernel.__name__] = round(time.process_time() - before, 2)
    return {"cpu_s": time.process_time() - start, "kernels": len(each), **each}


CASE = Case(
    "Cold compilation of all kernels (CPU of the compilation alone)",
    ("-",),
    {"imscope": Program(run, ("imscope", "numba"), True, (("IMSCOPE_KERNEL_CACHE", "off"),))},
    goal="at most 5 CPU s for all kernels of the default run.",
)

if __name__ == "__main__":
    main(CASE)
