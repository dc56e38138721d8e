from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_create_security_event"),
    ]

    operations = [
        migrations.AlterField(
            model_name="securityevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("signed_in", "Signed in"),
                    ("sign_in_failed", "Sign-in failed"),
                    ("signed_out", "Signed out"),
                    ("signed_out_elsewhere", "Signed out everywhere else"),
                    ("password_changed", "Password changed"),
                    ("password_removed", "Password removed"),
                    ("email_confirmed", "E-mail address confirmed"),
                    ("email_changed", "E-mail address changed"),
                    ("email_added", "E-mail address added"),
                    ("email_removed", "E-mail address removed"),
                    ("two_factor_added", "Two-factor sign-in added"),
                    ("two_factor_removed", "Two-factor sign-in removed"),
                    ("two_factor_renewed", "Two-factor sign-in renewed"),
                    ("two_factor_failed", "Second step of a sign-in failed"),
                    ("api_key_created", "API key created"),
                    ("api_key_renamed", "API key renamed"),
                    ("api_key_rotated", "API key rotated"),
                    ("api_key_revoked", "API key revoked"),
                    ("api_key_expired", "API key expired"),
                    ("plan_changed", "Plan changed"),
                    ("limits_changed", "Limits changed"),
                    ("account_disabled", "Account disabled"),
                    ("account_enabled", "Account enabled"),
                    ("staff_access_changed", "Staff access changed"),
                    ("data_exported", "The account's data was downloaded"),
                ],
                max_length=30,
            ),
        ),
    ]
