#!/bin/sh
# Sees that every secret is there, then becomes the program.
#
# A secret comes as a file: NAME_FILE=/run/secrets/x, or AIRFLOW__…_CMD="cat /run/secrets/x". Airflow
# runs the command, the library reads the files of RETENTION_…_FILE. What is left, such as MLflow's
# NAME_FILE, is put into the environment as NAME, since the program reads only that; `docker inspect`
# does not show it.
set -eu
for name in $(env | sed -n 's|^\([A-Za-z_0-9]*_FILE\)=/run/secrets/.*$|\1|p; s|^\([A-Za-z_0-9]*_CMD\)=cat /run/secrets/.*$|\1|p'); do
    eval "file=\${$name#cat }"
    if [ ! -r "$file" ] || [ ! -s "$file" ]; then
        echo "The secret file $file is missing, empty, or may not be read by user $(id -u); $name needs it. See docs/containers.md." >&2
        exit 78
    fi
    case $name in
        RETENTION_*_FILE | *_CMD) ;;
        *)
            eval "export ${name%_FILE}=\"\$(cat \"\$file\")\""
            unset "$name"
            ;;
    esac
done
exec "$@"
