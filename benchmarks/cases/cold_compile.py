"""First compilation of every kernel from counts to principal components, without a cache."""

from harness import Case, Program, main


def run(_: str) -> dict:
    import time

    import numba  # noqa: F401  (its import is not compilation)

    import imscope.engine.fused  # noqa: F401
    from imscope.core.jit import KERNELS

    start = time.process_time()
    each = {}
    for kernel in KERNELS:
        before = time.process_time()
        kernel.compile()
        each[kernel.__name__] = round(time.process_time() - before, 2)
    return {"cpu_s": time.process_time() - start, **each}


CASE = Case(
    "Cold compilation, counts to components (CPU of the compilation alone)",
    ("-",),
    {"imscope": Program(run, ("imscope", "numba"), True, (("IMSCOPE_KERNEL_CACHE", "off"),))},
    goal="at most 5 CPU s for all kernels of the default run.",
)

if __name__ == "__main__":
    main(CASE)
