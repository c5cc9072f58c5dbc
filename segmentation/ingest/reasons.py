"""Why a row is rejected: the words of the account, of `rejects/`, and of the report."""

from contract.words import N_

WRONG_FIELDS = N_("wrong number of fields")
UNREADABLE = N_("unreadable bytes")
NO_TIME = N_("event_time is not a time")
NO_TYPE = N_("event_type is unknown")
NO_USER = N_("user_id is missing or no integer")
NO_PRODUCT = N_("product_id is missing or no integer")
BELOW_ZERO = N_("price is negative")
NO_PRICE = N_("price is missing or no finite number")
