"""
Where a classifier looks, and how sure the map is
=================================================

RISE explains a model that can only be called: it hides random parts of the image and watches the score. The map is an
average over random masks, so that every pixel has a standard error; a pixel whose value lies within two of them is not
known to matter.

The model is a support vector machine on scikit-learn's digits.
"""

import matplotlib.pyplot as plt
import numpy as np
from pondera_attribution.rise import rise
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

import pondera as po

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
svm = SVC(gamma=0.5).fit(X_train, y_train)
print(f"accuracy {svm.score(X_test, y_test):.3f}")


def scores(rows):
    """Softmax of the ten decision values: positive, and larger means surer."""
    values = 3 * svm.decision_function(rows.reshape(len(rows), -1))
    values = np.exp(values - values.max(axis=1, keepdims=True))
    return values / values.sum(axis=1, keepdims=True)


# %%
# One call explains all ten outputs. ``normalize="centered"`` is the slope of the score on the mask: how much the score
# gains when a pixel is shown. Hidden pixels become the mean image; black would say "no ink" where the digit has none.

image = X_test[7].reshape(8, 8)
mean_image = X_train.mean(axis=0).reshape(8, 8)
map_ = rise(
    scores,
    image,
    baseline=mean_image,
    n_masks=4000,
    grid=4,
    normalize="centered",
    channel_axis=None,
    batch_size=500,
    rng=0,
)
digit = int(np.argmax(map_.diagnostics["score"]))
values, stderr = map_.values[..., digit], map_.stderr[..., digit]

fig, axes = plt.subplots(1, 4, figsize=(11, 3), layout="constrained")
limit = np.abs(values).max()
panels = [
    (image, "gray", 0, 1, f"a {y_test[7]}, read as {digit}"),
    (values, "RdBu_r", -limit, limit, "effect of showing a pixel"),
    (stderr, "viridis", 0, stderr.max(), "standard error"),
    (np.where(np.abs(values) > 2 * stderr, values, np.nan), "RdBu_r", -limit, limit, "beyond two standard errors"),
]
for ax, (picture, colors, low, high, title) in zip(axes, panels, strict=True):
    shown = ax.imshow(picture, cmap=colors, vmin=low, vmax=high)
    ax.set_title(title)
    ax.set_axis_off()
    fig.colorbar(shown, ax=ax, shrink=0.8)

# %%
# Is the map any good? Remove the pixels in its order and watch the score: the faster it falls, the better. A random order
# is the yardstick.

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
random_map = np.random.default_rng(0).uniform(size=image.shape)
for name, saliency in (("RISE", values), ("random", random_map)):
    curve = po.metrics.deletion_curve(
        scores, image, saliency, target=digit, baseline=mean_image, channel_axis=None, rng=0
    )
    ax.plot(curve.x, curve.y, label=f"{name}: area {curve.area.value:.3f}")
ax.set(xlabel="fraction of pixels removed", ylabel=f"score of {digit}")
ax.legend()

plt.show()
