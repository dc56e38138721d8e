"""The kinds of event that concern an account's data as a whole."""

from securitylog.kinds import register

DATA_EXPORTED = register("data_exported", "The account's data was downloaded")
