"""A request of the user's that cannot be carried out: told in words, nothing was sent."""


class Refused(Exception):
    """Each line is one thing that is wrong; exit 2."""

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines
