# Stands in for caddy:2, also in what its program asks for by its file (CAP_NET_BIND_SERVICE).
FROM stand-in/python
COPY caddy /usr/bin/caddy
RUN python -c "import os, struct; os.setxattr('/usr/bin/caddy', 'security.capability', struct.pack('<5I', 0x02000001, 1 << 10, 0, 0, 0))"
ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data
CMD ["caddy", "run"]
