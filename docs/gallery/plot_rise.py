"""
Where a classifier looks, and how sure the map is
=================================================

RISE explains a model that can only be called: it hides random parts of the image and watches the score. The map is an
average over random masks, so that every pixel has a standard error; a pixel whose value lies within two of them is not
known to matter.

The model is a small neural network of scikit-learn that reads scikit-learn's digits. A PyTorch module, an ONNX session
or any function of a batch of images would do as well.
"""

import matplotlib.pyplot as plt
import numpy as np
from pondera_attribution.rise import rise
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import pondera as po

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
model = MLPClassifier((64,), alpha=1e-2, max_iter=400, random_state=0).fit(X_train, y_train)
print(f"accuracy {model.score(X_test, y_test):.3f}")

# %%
# One call explains all ten outputs. ``normalize="centered"`` is the slope of the score on the mask: how much the
# probability gains when a pixel is shown. Hidden pixels become the mean image; black would say "no ink" where the digit
# has none. The image is small, so that every pixel is a cell of the masks.

image = X_test[7].reshape(8, 8)
options = {"baseline": X_train.mean(axis=0).reshape(8, 8), "channel_axis": None, "batch_size": 500, "rng": 0}
map_ = rise(model, image, n_masks=4000, grid=8, shift=False, normalize="centered", **options)
digit = int(np.argmax(map_.diagnostics["score"]))
values, stderr = map_.values[..., digit], map_.stderr[..., digit]

fig, axes = plt.subplots(1, 4, figsize=(12, 3), layout="constrained")
limit = np.abs(values).max()
panels = [
    (image, "gray", 0, 1, f"a {y_test[7]}, read as {digit}"),
    (values, "RdBu_r", -limit, limit, "effect of a pixel"),
    (stderr, "viridis", 0, stderr.max(), "standard error"),
    (np.where(np.abs(values) > 2 * stderr, values, np.nan), "RdBu_r", -limit, limit, "beyond 2 errors"),
]
for ax, (picture, colors, low, high, title) in zip(axes, panels, strict=True):
    shown = ax.imshow(picture, cmap=colors, vmin=low, vmax=high)
    ax.set_title(title)
    ax.set_axis_off()
    fig.colorbar(shown, ax=ax, shrink=0.8)

# %%
# Is the map any good? Remove the pixels in its order and watch the score: the faster it falls, the better. A random
# order is the yardstick.

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
random_map = np.random.default_rng(0).uniform(size=image.shape)
for name, saliency in (("RISE", values), ("random", random_map)):
    curve = po.metrics.deletion_curve(model, image, saliency, target=digit, **options)
    ax.plot(curve.x, curve.y, label=f"{name}: area {curve.area.value:.3f}")
ax.set(xlabel="fraction of pixels removed", ylabel=f"probability of {digit}")
ax.legend()

plt.show()
