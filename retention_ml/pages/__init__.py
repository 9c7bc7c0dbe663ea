"""HTML pages that are readable without a network: one style, one shell, six pages of rows.

`rendering` is what every HTML file of the platform shares. `charts` and `shell` are what the six
pages share; `today`, `now`, `customers`, `model`, `data` and `drift` turn rows into HTML, `customer` and
`run` are pages about one thing. Nothing here reads a database: `retention_ml.reports.site` does.
"""

from retention_ml.pages.rendering import count, environment, inline_png, moment

__all__ = ["count", "environment", "inline_png", "moment"]
