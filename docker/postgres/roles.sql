-- Run once by the empty server: a role and a database for each part, and the readers of reports and of models.
-- Passwords come from the environment of the container; psql puts the quotes.
\getenv retention_password RETENTION_DB_PASSWORD
\getenv airflow_password AIRFLOW_DB_PASSWORD
\getenv mlflow_password MLFLOW_DB_PASSWORD
\getenv retention_bi_password RETENTION_BI_PASSWORD
\getenv retention_ds_password RETENTION_DS_PASSWORD
\getenv retention_crm_password RETENTION_CRM_PASSWORD
\getenv retention_assistant_password RETENTION_ASSISTANT_PASSWORD

CREATE ROLE retention LOGIN PASSWORD :'retention_password';
CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';
CREATE ROLE retention_bi LOGIN PASSWORD :'retention_bi_password';
ALTER ROLE retention_bi SET default_transaction_read_only = on;
ALTER ROLE retention_bi SET statement_timeout = '5min';
ALTER ROLE retention_bi SET search_path = reports;
CREATE ROLE retention_ds LOGIN PASSWORD :'retention_ds_password';
ALTER ROLE retention_ds SET default_transaction_read_only = on;
ALTER ROLE retention_ds SET statement_timeout = '5min';
-- Reads privacy.contact_list alone (docs/privacy.md).
CREATE ROLE retention_crm LOGIN PASSWORD :'retention_crm_password';
ALTER ROLE retention_crm SET default_transaction_read_only = on;
ALTER ROLE retention_crm SET statement_timeout = '5min';
-- For `retention mcp` (docs/assistant.md).
CREATE ROLE retention_assistant LOGIN PASSWORD :'retention_assistant_password' CONNECTION LIMIT 10;
ALTER ROLE retention_assistant SET default_transaction_read_only = on;
ALTER ROLE retention_assistant SET statement_timeout = '3s';
ALTER ROLE retention_assistant SET temp_file_limit = '256MB';
ALTER ROLE retention_assistant SET search_path = reports;
-- Reads counts with noise alone (docs/privacy.md#public-counts); without a password nobody connects by it.
CREATE ROLE retention_public LOGIN;
ALTER ROLE retention_public SET default_transaction_read_only = on;
ALTER ROLE retention_public SET statement_timeout = '5min';
ALTER ROLE retention_public SET search_path = reports;
-- For single steps (docs/privacy.md#roles). Without a password nobody connects by them; give one to those you use.
CREATE ROLE retention_loader LOGIN;
CREATE ROLE retention_trainer LOGIN;
CREATE ROLE retention_scorer LOGIN;
CREATE ROLE retention_auditor LOGIN;
CREATE ROLE retention_migrator LOGIN;
GRANT retention TO retention_migrator;
ALTER ROLE retention_migrator SET role = 'retention';

CREATE DATABASE retention OWNER retention;
CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE mlflow OWNER mlflow;
REVOKE ALL ON DATABASE retention FROM PUBLIC;
REVOKE ALL ON DATABASE airflow FROM PUBLIC;
REVOKE ALL ON DATABASE mlflow FROM PUBLIC;
GRANT CONNECT ON DATABASE retention TO retention_bi, retention_ds, retention_crm, retention_public, retention_assistant, retention_migrator;
GRANT CONNECT, TEMPORARY ON DATABASE retention TO retention_loader, retention_trainer, retention_scorer, retention_auditor;
