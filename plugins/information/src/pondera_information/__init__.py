"""Divergences and information from samples. Import functions from their modules, or ask `pondera.method` for them."""

from pondera import Method, Plugin

plugin = Plugin(
    "information",
    "Divergences and information measures, straight from samples",
    (
        Method(
            name="nnr_divergence",
            target="pondera_information.nnr:nnr_divergence",
            kind="estimate",
            unit="samples",
            system="nnr",
            source="arXiv:1702.05222",
            summary="Renyi, KL or any f-divergence of two samples, from counts of neighbours alone",
            example="pondera_information.examples:nnr_divergence",
            since="0.1",
        ),
        Method(
            name="ensemble_nnr_divergence",
            target="pondera_information.nnr:ensemble_nnr_divergence",
            kind="estimate",
            unit="samples",
            system="nnr",
            source="arXiv:1702.05222",
            summary="The same from many numbers of neighbours, weighted so that their biases cancel",
            example="pondera_information.examples:ensemble_nnr_divergence",
            since="0.1",
        ),
    ),
)
