"""Mixture centroid: what several pictures have in common, as weights of their parts.

After the project's source documents: descriptors of local regions are grouped by a Gaussian
mixture (fitted by EM) or by greedy k-means, and the centroid of the mixture is

    mu = sum_k(alpha_k p_k mu_k) / sum_k(alpha_k p_k),

mu_k the centroid of class k, p_k its share and alpha_k its weight, by default p_k again. Their
print leaves p_k out of the numerator, with which it would be no mean: of equal mu_k it would not
give that mu_k. With equal alpha_k the centroid is the plain mean; with alpha_k = p_k what recurs
counts more and what is rare counts less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Method = Literal["mixture", "kmeans"]

NUM_CLASSES = 6
MIN_SAMPLES_PER_CLASS = 8
MAX_DIMENSIONS = 16
"""Descriptors are projected to as many principal axes: a mixture needs more samples than axes."""
SEED = 0


def centroid_weights(
    descriptors: NDArray[np.floating],
    method: Method = "mixture",
    num_classes: int = NUM_CLASSES,
    alpha: Sequence[float] | None = None,
) -> NDArray[np.float64]:
    """How much each sample counts in the mixture centroid, (n,) with a sum of 1.

    The centroid of any values (n, ...) of the samples is `weights @ values`.

    Args:
        descriptors: (n, d), by which the samples are grouped.
        method: "mixture" (EM, soft) or "kmeans" (greedy, hard).
        num_classes: K; fewer where there are too few samples.
        alpha: weights of the classes (K,); None takes their shares.

    Raises:
        ValueError: fewer than one sample, or `alpha` does not fit the number of classes.
    """
    if len(descriptors) == 0:
        raise ValueError("a centroid needs at least one sample")
    num_classes = max(1, min(num_classes, len(descriptors) // MIN_SAMPLES_PER_CLASS))
    member = np.ones((len(descriptors), 1))
    if num_classes > 1 and np.ptp(descriptors, axis=0).any():
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):  # threads would wait for each other longer than they compute
            member = _memberships(_principal(descriptors), method, num_classes)
    shares = member.mean(axis=0)
    factors = shares if alpha is None else np.asarray(alpha, np.float64)
    if factors.shape != shares.shape:
        raise ValueError(f"alpha must have {len(shares)} values, got {len(factors)}")
    # A sample's part in mu_k is member / (n p_k), so p_k cancels against its own in the sum.
    return member @ factors / (len(member) * (factors @ shares))


def _principal(descriptors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Coordinates on the first principal axes, the longest of unit variance."""
    from sklearn.decomposition import PCA

    count = min(MAX_DIMENSIONS, *descriptors.shape)
    turned = PCA(count, random_state=SEED).fit_transform(descriptors.astype(np.float64))
    return turned / turned[:, 0].std()


def _memberships(
    samples: NDArray[np.float64], method: Method, num_classes: int
) -> NDArray[np.float64]:
    """Probability (n, K) that a sample belongs to a class; 0 or 1 with k-means."""
    if method == "kmeans":
        from sklearn.cluster import KMeans

        labels = KMeans(num_classes, random_state=SEED).fit_predict(samples)
        return np.eye(num_classes)[labels]
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(
        num_classes, covariance_type="diag", reg_covar=1e-3, n_init=2, random_state=SEED
    )
    return mixture.fit(samples).predict_proba(samples)
