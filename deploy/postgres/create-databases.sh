#!/bin/bash
# Creates a database for each service, with the role that owns its tables and the service's own. Run by the image of Postgres, once, in an
# empty data directory; *_DATABASE_PASSWORD and *_DATABASE_OWNER_PASSWORD are environment variables.
set -euo pipefail

for service in order inventory payment notification analytics monitor; do
  name=${service^^}
  password=${name}_DATABASE_PASSWORD
  owner_password=${name}_DATABASE_OWNER_PASSWORD
  psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set=service="shop_$service" --set=owner="shop_${service}_owner" \
    --set=password="${!password}" --set=owner_password="${!owner_password}" <<'SQL'
create role :"owner" login nosuperuser nocreatedb nocreaterole noreplication connection limit 4 password :'owner_password';
create role :"service" login nosuperuser nocreatedb nocreaterole noreplication connection limit 24 password :'password';
create database :"service" owner :"owner";
revoke all on database :"service" from public;
grant connect on database :"service" to :"service";
SQL
done
