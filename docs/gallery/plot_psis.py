"""
Can leave-one-out weights be trusted?
=====================================

Importance weights turn posterior draws into draws of the posterior without one patient: a model can then be judged on
data it has not seen without being fitted again. Whether that works shows in Pareto k, patient by patient.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

import pondera as po

# %%
# A linear model of disease progression on standardised columns; with a flat prior the posterior has a closed form,
# so 4000 draws of coefficients and noise are cheap. One outcome is mistyped on purpose.
X, y = load_diabetes(return_X_y=True)
y = (y - y.mean()) / y.std()
y[17] = 12.0
A = np.column_stack([np.ones(len(X)), X / X.std(axis=0)])
n, d = A.shape
rng = np.random.default_rng(0)
fit, *_ = np.linalg.lstsq(A, y, rcond=None)
rss = ((y - A @ fit) ** 2).sum()
sigma2 = rss / rng.chisquare(n - d, size=4000)
root = np.linalg.cholesky(np.linalg.inv(A.T @ A))
beta = fit + np.sqrt(sigma2)[:, None] * (rng.normal(size=(4000, d)) @ root.T)

# %%
# One row of log-weights a patient: the draw's likelihood of that patient, inverted. `po.psis` smooths the tails of all
# 442 rows at once.
log_likelihood = -0.5 * (np.log(2 * np.pi * sigma2) + (y[:, None] - A @ beta.T) ** 2 / sigma2)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    smooth, k = po.psis(-log_likelihood)
print(caught[0].message if caught else "every tail is tame")
print("patients with k above the threshold:", np.flatnonzero(k > po.khat_threshold(4000)))

# %%
# The expected log predictive density, with its standard error; and the picture that shows where not to trust it.
elpd = np.array([po.logsumexp(lw + ll) for lw, ll in zip(smooth, log_likelihood)])
print(f"elpd {elpd.sum():.1f} ± {elpd.std(ddof=1) * np.sqrt(n):.1f}")

fig, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
ax.scatter(range(n), k, s=12, c=np.where(k > 0.7, "tab:red", "tab:blue"))
ax.axhline(0.7, color="tab:red", lw=1, ls="--")
ax.annotate("mistyped", (17, k[17]), xytext=(40, -4), textcoords="offset points", arrowprops={"arrowstyle": "-"})
ax.set(xlabel="patient", ylabel="Pareto k", title="Weights of patient 17 are not to be trusted")
plt.show()
