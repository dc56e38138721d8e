-- Runs once, when PostgreSQL makes its data folder.
-- The service is no superuser: it owns its database and nothing else.
\getenv password POSTGRES_PASSWORD
CREATE ROLE insitechat LOGIN PASSWORD :'password';
ALTER DATABASE insitechat OWNER TO insitechat;
-- Only a superuser may create it.
CREATE EXTENSION vector;
-- From now on the superuser signs in from inside the container only.
ALTER ROLE postgres PASSWORD NULL;
