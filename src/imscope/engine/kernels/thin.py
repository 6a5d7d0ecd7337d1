"""Draw counts from each row without replacement, so that all rows have at most one depth."""

from imscope.core.jit import njit


@njit("void(i8[::1], i4[::1], i4[::1], i4[::1], i8[::1], i8, u8[::1], i4[::1])")
def thin_rows(indptr, indices, data, column, depth, target, seed, out):  # type: ignore[no-untyped-def]
    """Keep ``target`` of the ``depth`` counts of each row, each count equally likely to stay.

    Only genes with ``column >= 0`` count towards the depth and are thinned; counts of other genes
    become 0. ``seed`` holds one random word per row, so rows may be cut into blocks at will.
    """
    for row in range(depth.shape[0]):
        state = seed[row]
        left = depth[row]
        need = min(target, left)
        for k in range(indptr[row], indptr[row + 1]):
            kept = 0
            if column[indices[k]] >= 0:
                for _ in range(data[k]):
                    # splitmix64: the next word of a sequence that is good enough for sampling
                    state = state + 0x9E3779B97F4A7C15
                    word = state
                    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9
                    word = (word ^ (word >> 27)) * 0x94D049BB133111EB
                    word = word ^ (word >> 31)
                    if (word >> 11) * 1.1102230246251565e-16 * left < need:
                        kept += 1
                        need -= 1
                    left -= 1
            out[k] = kept
