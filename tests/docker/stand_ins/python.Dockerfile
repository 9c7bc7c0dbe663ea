# Stands in for python:3.11-slim: Debian's Python, with the certificates and pip's settings of this machine.
FROM stand-in/debian
COPY machine /
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
