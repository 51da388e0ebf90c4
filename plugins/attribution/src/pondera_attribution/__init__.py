"""Attribution methods for pondera. Import `rise` and its kin from their modules, or ask `pondera.method` for them."""

from pondera import Method, Plugin

plugin = Plugin(
    "attribution",
    "Which parts of an input a model's answer comes from",
    (
        Method(
            name="rise",
            target="pondera_attribution.rise:rise",
            kind="attribution",
            unit="features",
            system="rise",
            source="arXiv:1806.07421",
            summary="Heat map of an image classifier that can only be called, by random masks",
            example="pondera_attribution.examples:rise",
            since="0.1",
        ),
    ),
)
