"""The headers that every answer of the bridge has, refusals of gunicorn's included."""

#: The page needs its own files and its own WebSocket, and nothing else. `'self'` covers ws and wss
#: of the same host and port in every browser that still gets updates (Safari from 15.4 on).
_CONTENT = (
    "default-src 'self'; connect-src 'self'; object-src 'none'; form-action 'none'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_FEATURES = (
    "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid",
    "magnetometer", "microphone", "midi", "payment", "screen-wake-lock", "serial", "usb",
)  # fmt: skip

#: Cross-Origin-Opener-Policy is not among them: chromium reports it as an error on each page that
#: comes without TLS, and nothing opens this page to talk to it.
SECURITY = {
    "Content-Security-Policy": _CONTENT,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _FEATURES),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
