"""asv: random masks, weighted maps, upsampling, stages."""

from __future__ import annotations

import numpy as np

import pondera as po


class Masks:
    params = (["bilinear", "nearest"], [1, 2])
    param_names = ("interpolation", "workers")

    def setup(self, interpolation: str, workers: int) -> None:
        self.masks = po.grid_masks(512, 224, 7, interpolation=interpolation, rng=0)
        self.out = np.empty((16, 224, 224), dtype=np.float32)

    def time_generate(self, interpolation: str, workers: int) -> None:
        for begin in range(0, 512, 16):
            self.masks.block(begin, begin + 16, out=self.out, workers=workers)


class Maps:
    params = ([True, False], [1, 2])
    param_names = ("stderr", "workers")

    def setup(self, stderr: bool, workers: int) -> None:
        self.masks = po.grid_masks(4000, 224, 7, rng=0)
        self.scores = np.random.default_rng(0).uniform(size=4000)
        self.block = self.masks.block(0, 256)

    def time_from_scores_alone(self, stderr: bool, workers: int) -> None:
        po.MaskAccumulator(1, 224, 224, stderr=stderr).update(self.masks, self.scores, workers=workers)

    def time_from_masks_in_memory(self, stderr: bool, workers: int) -> None:
        po.MaskAccumulator(1, 224, 224, stderr=stderr).update(self.block, self.scores[:256], workers=workers)


class Upsample:
    params = ("nearest", "bilinear", "bicubic")
    param_names = ("mode",)

    def setup(self, mode: str) -> None:
        self.values = np.random.default_rng(0).normal(size=(64, 11, 11))

    def time_upsample(self, mode: str) -> None:
        po.upsample_grid(self.values, 224, mode)


class Curves:
    def setup(self) -> None:
        rng = np.random.default_rng(0)
        self.image = rng.normal(size=(3, 224, 224)).astype(np.float32)
        self.saliency = rng.normal(size=(224, 224))

    def time_deletion_curve_without_a_model(self) -> None:
        po.metrics.deletion_curve(lambda X: X[:, 0, 0, 0], self.image, self.saliency)
