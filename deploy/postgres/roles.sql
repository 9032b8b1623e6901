-- Roles and databases with the least rights that Tidegate works with. For psql, as a superuser, once:
--
--   psql -v tidegate_password="$TIDEGATE_PASSWORD" -f deploy/postgres/roles.sql
--
-- `tidegate` owns two databases and nothing else: the lake's catalog, and Dagster's record. Both are migrated by their owner.
-- `tidegate_reader` may read the catalog: for consumers who attach the lake read only.
create role tidegate login nosuperuser nocreatedb nocreaterole noreplication password :'tidegate_password';
create role tidegate_reader nologin;

create database lake owner tidegate;
create database dagster owner tidegate;
revoke all on database lake, dagster from public;
grant connect on database lake to tidegate_reader;

\connect lake
revoke all on schema public from public;
alter schema public owner to tidegate;
grant usage on schema public to tidegate_reader;
alter default privileges for role tidegate in schema public grant select on tables to tidegate_reader;

\connect dagster
revoke all on schema public from public;
alter schema public owner to tidegate;
