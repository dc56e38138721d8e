-- Runs once, when PostgreSQL initialises its data folder.
-- The service's role is not a superuser: it owns its database and nothing else.
\getenv password POSTGRES_PASSWORD
CREATE ROLE insitechat LOGIN PASSWORD :'password';
ALTER DATABASE insitechat OWNER TO insitechat;
-- Only a superuser may create this extension.
CREATE EXTENSION vector;
-- Without a password, the superuser can connect only from inside the container.
ALTER ROLE postgres PASSWORD NULL;
