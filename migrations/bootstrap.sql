-- What a superuser does once in a new database, before any migration: extensions, roles, schemas,
-- default privileges, and the functions row-level security reads. Harmless when run again.
-- Passwords are set by whoever runs it (ALTER ROLE … PASSWORD); without one a role cannot sign in.
-- The setting freight.services (comma-separated) names other schemas than the platform's own, for tests.

SET client_min_messages = warning;

CREATE EXTENSION IF NOT EXISTS postgis SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pgcrypto SCHEMA public;

DO $$
DECLARE
    service text;
    part text;
BEGIN
    FOREACH service IN ARRAY string_to_array(
        coalesce(nullif(current_setting('freight.services', true), ''),
                 'registry,telemetry,permits,matching,gateway'), ',')
    LOOP
        FOREACH part IN ARRAY ARRAY['owner', 'api', 'worker'] LOOP
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = service || '_' || part) THEN
                EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION',
                               service || '_' || part);
            END IF;
            EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO %I', current_database(), service || '_' || part);
        END LOOP;
        EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', service, service || '_owner');
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I, %I', service, service || '_api', service || '_worker');
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I, %I',
                       service || '_owner', service, service || '_api', service || '_worker');
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT USAGE, SELECT ON SEQUENCES TO %I, %I',
                       service || '_owner', service, service || '_api', service || '_worker');
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- Who asks, as the transaction-local settings of services/shared/db.py say; null when nobody was set.
CREATE OR REPLACE FUNCTION public.app_role() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.role', true), '') $$;

CREATE OR REPLACE FUNCTION public.app_enterprise() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.enterprise_id', true), '')::uuid $$;

CREATE OR REPLACE FUNCTION public.app_subject() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.subject', true), '') $$;

CREATE OR REPLACE FUNCTION public.app_is_bureau() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT coalesce(current_setting('app.role', true)
                          IN ('transport_bureau', 'commerce_bureau', 'postal_bureau', 'service'), false) $$;
