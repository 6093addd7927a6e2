"""`chatapp doctor`: check this installation, say what is wrong, and name each fix."""

from chatapp.cli.doctor.command import doctor

__all__ = ["doctor"]
