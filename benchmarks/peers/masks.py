"""RISE masks and maps, 4000 masks of 7 x 7 cells at 224 x 224, beside PyTorch, NumPy and scikit-image."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import pondera as po
from pondera import _core

N, SIZE, GRID = 4000, 224, 7
KEY = po.random.Key(1, 2)


def seconds(call: Callable[[], Any], repeats: int = 5) -> float:
    """Median wall time after one warm-up."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def cells_and_offsets() -> tuple[np.ndarray, np.ndarray]:
    """Our cells and offsets, so that every side makes the same masks."""
    cells, offsets = _core.masks.grid_cells(KEY.words, 0, N, 0.5, (SIZE, SIZE), (GRID, GRID), True)
    return cells.astype(np.float32), offsets


def row(name: str, peer: str, ours: float, theirs: float, target: float | None) -> dict[str, Any]:
    return {"name": name, "peer": peer, "ours_s": ours, "peer_s": theirs, "ratio": theirs / ours, "target": target}


def rows() -> Iterator[dict[str, Any]]:
    scores = np.random.default_rng(0).uniform(size=N)
    cells, offsets = cells_and_offsets()
    masks = po.grid_masks(N, SIZE, GRID, rng=KEY)
    up = (GRID + 1) * -(-SIZE // GRID)

    def ours_generated() -> np.ndarray:
        """Every mask is made, as a model would see it; the map comes from the scores."""
        out = np.empty((16, SIZE, SIZE), dtype=np.float32)
        for begin in range(0, N, 16):
            masks.block(begin, begin + 16, out=out)
        return ours_map()

    def ours_map() -> np.ndarray:
        result = po.MaskAccumulator(1, SIZE, SIZE, stderr=False).update(masks, scores).result("expected")
        return np.asarray(result.value)

    ours = seconds(ours_generated)
    truth = ours_map()

    def numpy_separable(chunk: int = 50) -> np.ndarray:
        coordinates = np.abs((np.arange(up) + 0.5) * GRID / up - 0.5)
        coordinates = np.where(coordinates > GRID - 1, 2 * (GRID - 1) - coordinates, coordinates)
        low = np.minimum(coordinates.astype(int), GRID - 2)
        matrix = np.zeros((up, GRID), dtype=np.float32)
        matrix[np.arange(up), low] = 1 - (coordinates - low)
        matrix[np.arange(up), low + 1] += coordinates - low
        total = np.zeros((SIZE, SIZE))
        for i in range(0, N, chunk):
            stretched = matrix @ cells[i : i + chunk] @ matrix.T
            block = np.stack(
                [s[y : y + SIZE, x : x + SIZE] for s, (y, x) in zip(stretched, offsets[i : i + chunk], strict=True)]
            )
            total += np.tensordot(scores[i : i + chunk].astype(np.float32), block, 1)
        return total / (N * 0.5)

    np.testing.assert_allclose(numpy_separable(), truth, rtol=1e-4)
    name = "RISE masks 4000, 7x7 to 224x224, generated and weighted"
    yield row(name, "NumPy separable", ours, seconds(numpy_separable, 3), None)

    try:
        import torch
    except ImportError:
        pass
    else:

        def torch_chunks(chunk: int = 100) -> np.ndarray:
            grids, y = torch.from_numpy(cells)[:, None], torch.from_numpy(scores.astype(np.float32))
            total = torch.zeros(SIZE * SIZE)
            for i in range(0, N, chunk):
                stretched = torch.nn.functional.interpolate(grids[i : i + chunk], (up, up), mode="bilinear")[:, 0]
                block = torch.stack(
                    [s[a : a + SIZE, b : b + SIZE] for s, (a, b) in zip(stretched, offsets[i : i + chunk], strict=True)]
                )
                total += y[i : i + chunk] @ block.reshape(len(block), -1)
            return (total / (N * 0.5)).reshape(SIZE, SIZE).numpy()

        # PyTorch repeats the outer cells at the border instead of reflecting them: compared inside.
        np.testing.assert_allclose(torch_chunks()[32:-32, 32:-32], truth[32:-32, 32:-32], rtol=2e-2)
        yield row(name, "torch chunks", ours, seconds(torch_chunks, 3), 8.0)

    try:
        from skimage.transform import resize
    except ImportError:
        pass
    else:

        def skimage_loop(n: int = 200) -> np.ndarray:
            total = np.zeros((SIZE, SIZE))
            for grid, y, (a, b) in zip(cells[:n], scores, offsets, strict=False):
                stretched = resize(grid, (up, up), order=1, mode="reflect", anti_aliasing=False)
                total += y * stretched[a : a + SIZE, b : b + SIZE]
            return total / (n * 0.5)

        few = po.grid_masks(200, SIZE, GRID, rng=KEY)
        part = po.MaskAccumulator(1, SIZE, SIZE, stderr=False).update(few, scores[:200]).result("expected").value
        np.testing.assert_allclose(skimage_loop(), part, rtol=1e-5)
        yield row(name, "published code, scikit-image (200 x 20)", ours, seconds(skimage_loop, 3) * 20, None)

    stored = np.concatenate(list(masks)).reshape(N, -1)
    weights = scores.astype(np.float32)
    np.testing.assert_allclose((weights @ stored / (N * 0.5)).reshape(SIZE, SIZE), truth, rtol=1e-4)
    yield row("RISE map from scores alone", "NumPy GEMV", seconds(ours_map), seconds(lambda: weights @ stored), 3.9)
