from django.db import migrations

# Rows go only with their account: the constraint deletes them once the account's row is gone.
# TRUNCATE passes where the connection says so, as those of the tests do; whoever can run any SQL as
# the owner of the table can also drop these triggers, so nothing is lost by it.
FORWARDS = """
-- The table was created just before, and is empty.
-- squawk-ignore constraint-missing-not-valid, adding-foreign-key-constraint
ALTER TABLE securitylog_securityevent ADD CONSTRAINT securitylog_securityevent_account
    FOREIGN KEY (account_id) REFERENCES accounts_user (id) ON DELETE CASCADE;

CREATE FUNCTION securitylog_securityevent_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT FROM accounts_user WHERE id = OLD.account_id) THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'TRUNCATE' AND current_setting('insitechat.may_truncate', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the security log is only ever added to'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'securitylog_securityevent_append_only';
END $$;

CREATE TRIGGER securitylog_securityevent_keep_rows
    BEFORE UPDATE OR DELETE ON securitylog_securityevent
    FOR EACH ROW EXECUTE FUNCTION securitylog_securityevent_refuse();

CREATE TRIGGER securitylog_securityevent_keep_table BEFORE TRUNCATE ON securitylog_securityevent
    FOR EACH STATEMENT EXECUTE FUNCTION securitylog_securityevent_refuse();
"""

BACKWARDS = """
DROP TRIGGER securitylog_securityevent_keep_table ON securitylog_securityevent;
DROP TRIGGER securitylog_securityevent_keep_rows ON securitylog_securityevent;
DROP FUNCTION securitylog_securityevent_refuse();
ALTER TABLE securitylog_securityevent DROP CONSTRAINT securitylog_securityevent_account;
"""


class Migration(migrations.Migration):
    dependencies = [("securitylog", "0001_create_security_event")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
