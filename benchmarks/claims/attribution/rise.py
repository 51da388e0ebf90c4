"""RISE against gradient x input, occlusion and random maps: deletion, insertion, pointing game.

The paper's table 1 on a laptop: a small CNN reads digits (scikit-learn) that stand somewhere on a noisy canvas of
32 x 32, so that the true box is known. The verdict is that of the digits as they come, 8 x 8 with strokes of one or two
pixels; digits of twice the size are measured beside them, since RISE resolves no more than a cell of its grid.
Run ``python benchmarks/claims/attribution/rise.py [--quick]``.
"""

from __future__ import annotations

import argparse
import itertools
import time
from typing import Any

import numpy as np
import torch
from pondera_attribution.rise import rise
from sklearn.datasets import load_digits

import pondera as po

TITLE = "RISE: Randomized Input Sampling for Explanation of Black-box Models"
SOURCE = "arXiv:1806.07421"

SIZE = 32
TOLERANCE = 15 * SIZE / 224  # the pointing game's 15 pixels at 224
PAPER = {"deletion": "0.108 (Grad-CAM 0.123)", "insertion": "0.727 (Grad-CAM 0.677)", "hit": "0.869"}
# Table 1 (ResNet50) and the pointing game on VOC07 (VGG16).
METHODS = ("RISE", "gradient x input", "occlusion", "random")


def canvases(digits: np.ndarray, side: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Digits of this side at random places on noise: images (n, 1, 32, 32), boxes (x0, y0, x1, y1)."""
    drawn = po.upsample_grid(digits.astype(np.float32) / 16, side)
    images = rng.normal(0.0, 0.15, size=(len(digits), 1, SIZE, SIZE)).astype(np.float32)
    x, y = rng.integers(0, SIZE - side + 1, size=(2, len(digits)))
    for i, digit in enumerate(drawn):
        images[i, 0, y[i] : y[i] + side, x[i] : x[i] + side] += digit
    return images, np.stack([x, y, x + side - 1, y + side - 1], axis=1)


def train(digits: np.ndarray, labels: np.ndarray, side: int, seed: int, epochs: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    layers: list[torch.nn.Module] = []
    for inputs, channels in ((1, 16), (16, 32), (32, 64)):
        layers += [torch.nn.Conv2d(inputs, channels, 3, padding=1), torch.nn.BatchNorm2d(channels), torch.nn.ReLU()]
        layers += [torch.nn.MaxPool2d(2)]
    net = torch.nn.Sequential(*layers, torch.nn.Flatten(), torch.nn.Dropout(0.3), torch.nn.Linear(64 * 16, 10))
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    rng = np.random.default_rng(seed)
    steps = epochs * (len(digits) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    net.train()
    for _ in range(epochs):
        images, _ = canvases(digits, side, rng)  # fresh places and noise
        order = rng.permutation(len(digits))
        for some in order[: len(order) // 64 * 64].reshape(-1, 64):
            loss = torch.nn.functional.cross_entropy(
                net(torch.from_numpy(images[some])), torch.from_numpy(labels[some])
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return torch.nn.Sequential(net, torch.nn.Softmax(dim=1)).eval()


def gradient_x_input(model: torch.nn.Module, image: np.ndarray, target: int) -> np.ndarray:
    x = torch.from_numpy(image[None]).requires_grad_()
    model[0](x)[0, target].backward()  # the logit: the probability's gradient vanishes where the model is sure
    assert x.grad is not None
    return (x.grad * x.detach())[0].sum(dim=0).numpy()


def occlusion(model: torch.nn.Module, image: np.ndarray, target: int, patch: int = 5) -> np.ndarray:
    """Mean drop of the score over all 5 x 5 patches that cover a pixel."""
    places = [(y, x) for y in range(SIZE - patch + 1) for x in range(SIZE - patch + 1)]
    masks = np.ones((len(places), SIZE, SIZE), dtype=np.float32)
    for mask, (y, x) in zip(masks, places, strict=True):
        mask[y : y + patch, x : x + patch] = 0
    masked = po.MaskedImage(model, image, target=target, batch_size=256)
    drop = float(masked.score) - masked(masks)
    hidden = 1 - masks
    return np.tensordot(drop, hidden, 1) / hidden.sum(axis=0)


def run_seed(side: int, seed: int, images_per_seed: int, n_masks: int, epochs: int, advance: Any) -> dict[str, Any]:
    digits, labels = load_digits(return_X_y=True)
    digits = digits.reshape(-1, 8, 8)
    rng = np.random.default_rng(1000 + seed)
    order = rng.permutation(len(digits))
    fit, test = order[:1400], order[1400:]
    model = train(digits[fit], labels[fit], side, seed, epochs)
    images, boxes = canvases(digits[test], side, rng)
    with torch.no_grad():
        predicted = model(torch.from_numpy(images)).argmax(dim=1).numpy()
    right = np.flatnonzero(predicted == labels[test])
    found: dict[str, Any] = {"accuracy": len(right) / len(test)}
    scores: dict[str, dict[str, list[float]]] = {m: {"deletion": [], "insertion": [], "hit": []} for m in METHODS}
    for done, i in enumerate(right[:images_per_seed]):
        image, target = images[i], int(predicted[i])
        options: dict[str, Any] = {"target": target, "batch_size": 256}
        maps = {
            "RISE": rise(model, image, n_masks=n_masks, grid=8, rng=po.random.Key(seed, done), **options).values,
            "gradient x input": gradient_x_input(model, image, target),
            "occlusion": occlusion(model, image, target),
            "random": rng.uniform(size=(SIZE, SIZE)),
        }
        for name, saliency in maps.items():
            for curve in ("deletion", "insertion"):
                area = getattr(po.metrics, f"{curve}_curve")(model, image, saliency, rng=done, **options).area
                scores[name][curve].append(area.value)
            hit = po.metrics.pointing_game(saliency, boxes[i], TOLERANCE, rng=done)
            scores[name]["hit"].append(hit.value)
        advance(done + 1)
    found["scores"] = {m: {k: float(np.mean(v)) for k, v in values.items()} for m, values in scores.items()}
    return found


def run(*, quick: bool = False, progress: Any = lambda fraction, stage: None) -> dict[str, Any]:
    """Trains, explains and scores; ``quick`` is one seed, one size, few images and masks."""
    start = time.perf_counter()
    seeds, images, n_masks, epochs, sides = (1, 8, 500, 20, (8,)) if quick else (3, 50, 2000, 40, (8, 16))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the same bits, and no spinning threads on small machines
    results: dict[int, list[dict[str, Any]]] = {side: [] for side in sides}
    total = len(sides) * seeds * images
    try:
        for k, (side, seed) in enumerate(itertools.product(sides, range(seeds))):
            stage = f"digits of {side} x {side}, seed {seed}"
            progress(k * images / total, stage)

            def advance(done: int, before: int = k * images, stage: str = stage) -> None:
                progress((before + done) / total, stage)

            results[side].append(run_seed(side, seed, images, n_masks, epochs, advance))
    finally:
        torch.set_num_threads(threads)
    missed = {side: _missed(found) for side, found in results.items()}
    accuracy = ", ".join(f"{np.mean([r['accuracy'] for r in found]):.3f}" for found in results.values())
    reason = f"Small CNN (test accuracy {accuracy}), {images} images a seed, {n_masks} masks of 8 x 8 cells. "
    for side, names in missed.items():
        verdict = f"missed: {'; '.join(names)}" if names else "every criterion holds"
        reason += f"Digits of {side} x {side}: {verdict}. "
    if missed[8]:
        reason += "Gradient x input ranks single pixels, these masks cells of four pixels."
    return {
        "plugin": "attribution",
        "system": "rise",
        "title": TITLE,
        "source": SOURCE,
        "reproduced": not missed[8],
        "reason": reason.strip(),
        "seeds": seeds,
        "rows": [row for side, found in results.items() for row in _rows(side, found)],
        "seconds": round(time.perf_counter() - start, 1),
    }


def _values(results: list[dict[str, Any]], method: str, score: str) -> np.ndarray:
    return np.array([r["scores"][method][score] for r in results])


def _missed(results: list[dict[str, Any]]) -> list[str]:
    """The criteria that fail, in means over seeds."""
    deletion, insertion, hit = (
        {m: _values(results, m, score).mean() for m in METHODS} for score in ("deletion", "insertion", "hit")
    )
    checks = {
        "deletion below random": deletion["RISE"] < deletion["random"],
        "deletion 10 % below gradient x input": deletion["RISE"] <= 0.9 * deletion["gradient x input"],
        "insertion above random": insertion["RISE"] > insertion["random"],
        "insertion above gradient x input": insertion["RISE"] > insertion["gradient x input"],
        "hit rate of at least 0.85": hit["RISE"] >= 0.85,
    }
    return [name for name, good in checks.items() if not good]


def _rows(side: int, results: list[dict[str, Any]]) -> list[dict[str, str]]:
    def cell(method: str, score: str) -> str:
        x = _values(results, method, score)
        return f"{x[0]:.3f}" if len(x) == 1 else f"{x.mean():.3f} ± {x.std(ddof=1) / np.sqrt(len(x)):.3f}"

    labels = {
        "deletion": "deletion area (low is good)",
        "insertion": "insertion area (high is good)",
        "hit": "hit rate",
    }
    return [
        {
            "name": f"{side} x {side} digits: {label}; against {other}",
            "ours": cell("RISE", score),
            "baseline": cell(other, score),
            "paper": PAPER[score],
        }
        for score, label in labels.items()
        for other in METHODS[1:]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    result = run(quick=parser.parse_args().quick)
    print(f"{TITLE}\n{'reproduced' if result['reproduced'] else 'not reproduced'}: {result['reason']}\n")
    print(f"{'measured':72} {'ours':>14} {'baseline':>14}  paper")
    for row in result["rows"]:
        print(f"{row['name']:72} {row['ours']:>14} {row['baseline']:>14}  {row['paper']}")
    print(f"\n{result['seeds']} seed(s), {result['seconds']} s")


if __name__ == "__main__":
    main()
