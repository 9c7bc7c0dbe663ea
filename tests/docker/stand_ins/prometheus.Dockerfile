# Stands in for prom/prometheus.
FROM stand-in/python
COPY prometheus promtool /bin/
ENTRYPOINT ["/bin/prometheus"]
