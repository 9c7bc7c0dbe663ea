"""How Superset runs beside the local stack: on the loopback, in touch with nobody else.

`make superset` hands it the addresses and secrets; it holds none itself.
"""

import os

SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
GUEST_TOKEN_JWT_SECRET = SECRET_KEY
SQLALCHEMY_DATABASE_URI = os.environ["SUPERSET_METADATA_URI"]

# One worker on one machine: what it counts need not be shared.
RATELIMIT_STORAGE_URI = "memory://"
SQLALCHEMY_EXAMPLES_URI = None

# A browser may fetch from this server alone: no telemetry, no map tiles, no fonts.
MAPBOX_API_KEY = ""
THEME_FONT_URL_ALLOWED_DOMAINS: list[str] = []
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    # The loopback speaks no TLS.
    "force_https": False,
    "session_cookie_secure": False,
}
