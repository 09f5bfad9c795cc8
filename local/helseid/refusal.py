"""How the token endpoint says no (RFC 6749 5.2)."""


class Refusal(Exception):
    """`error` is OAuth's word; the description names the field and the remedy, never what was sent, in ASCII without quotes (RFC 6749)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description

    @property
    def status(self) -> int:
        return 401 if self.error == "invalid_client" else 400
