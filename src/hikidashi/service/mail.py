"""The mails that we write, in English and Japanese. They wait in a table, written with the change
that they follow."""

from __future__ import annotations

from typing import Final

from ..core.public import TOKEN
from ..core.record import record
from ..storage.mails import Mail, MailKind


@record
class Letterhead:
    """What whoever asks for a mail says of it."""

    link: str  # what the mail leads to, up to the secret
    sender: str = ""  # whom to answer; "" for the usual one
    template: str = ""  # id of a template; "" for our words
    query: str = ""  # what the link has after the secret
    language: str = "en"
    pattern: str = ""  # the whole link, with TOKEN where the secret goes, in place of the others

    def link_to(self, secret: str) -> str:
        """Where the mail leads."""
        if self.pattern:
            return self.pattern.replace(TOKEN, secret)
        query = f"?{self.query}" if self.query else ""
        return f"{self.link}/{secret}{query}"


# By kind and language: the subject, and the words around the link.
_WORDS: Final[dict[MailKind, dict[str, tuple[str, str]]]] = {
    "invitation": {
        "en": (
            "You are invited to {name}",
            (
                "You have been added to {name}. Follow this link to come in:\n\n{link}\n\n"
                "If you did not expect this mail, do nothing.\n"
            ),
        ),
        "ja": (
            "「{name}」への招待",
            (
                "「{name}」に追加されました。次のリンクを開いて参加してください。\n\n{link}\n\n"
                "心当たりがない場合は、何もしないでください。\n"
            ),
        ),
    },
    "registration": {
        "en": (
            "Confirm your address",
            (
                "Follow this link within a day to confirm your address and choose a"
                " password:\n\n{link}\n\nIf you did not ask for an account, do nothing.\n"
            ),
        ),
        "ja": (
            "メールアドレスの確認",
            (
                "24時間以内に次のリンクを開き、メールアドレスを確認してパスワードを設定して"
                "ください。\n\n{link}\n\nアカウントの作成に心当たりがない場合は、何もしないでください。\n"
            ),
        ),
    },
    "registered": {
        "en": (
            "You have an account already",
            (
                "Somebody, perhaps you, asked for an account with this address, which has one already."
                "\nLog in with it; if you do not know the password any more, ask for a new one.\n\n"
                "If it was not you, do nothing.\n"
            ),
        ),
        "ja": (
            "アカウントは登録済みです",
            (
                "このメールアドレスで登録の申し込みがありましたが、アカウントはすでにあります。\n"
                "そのアカウントでログインしてください。パスワードが分からない場合は再設定してください。\n\n"
                "心当たりがない場合は、何もしないでください。\n"
            ),
        ),
    },
    "password": {
        "en": (
            "Choose a new password",
            (
                "A new password was asked for the account {name}. Follow this link within an hour to"
                " choose it:\n\n{link}\n\nIf it was not you, do nothing: the old password stays.\n"
            ),
        ),
        "ja": (
            "パスワードの再設定",
            (
                "アカウント {name} のパスワード再設定の申し込みがありました。1時間以内に次のリンクを開いて"
                "設定してください。\n\n{link}\n\n心当たりがない場合は、何もしないでください。"
                "パスワードは変わりません。\n"
            ),
        ),
    },
    "end_password": {
        "en": (
            "Choose a new password",
            (
                "A new password was asked for your account at {name}. Follow this link within an hour"
                " to choose it:\n\n{link}\n\nIf it was not you, do nothing: the old password stays.\n"
            ),
        ),
        "ja": (
            "パスワードの再設定",
            (
                "「{name}」のアカウントのパスワード再設定の申し込みがありました。1時間以内に次のリンクを"
                "開いて設定してください。\n\n{link}\n\n心当たりがない場合は、何もしないでください。"
                "パスワードは変わりません。\n"
            ),
        ),
    },
    "email": {
        "en": (
            "Confirm your new address",
            (
                "Hello {name},\n\nfollow this link within a day to have this address for your account:"
                "\n\n{link}\n\nIf you did not ask for this, do nothing.\n"
            ),
        ),
        "ja": (
            "新しいメールアドレスの確認",
            (
                "{name} 様\n\n24時間以内に次のリンクを開くと、アカウントのメールアドレスがこのアドレスに"
                "変わります。\n\n{link}\n\n心当たりがない場合は、何もしないでください。\n"
            ),
        ),
    },
    "email_changed": {
        "en": (
            "Your account has another address",
            (
                "Hello {name},\n\nyour account has another address from now on. If this was not you,"
                " tell an administrator of your workspace.\n"
            ),
        ),
        "ja": (
            "メールアドレスが変更されました",
            (
                "{name} 様\n\nアカウントのメールアドレスが変更されました。心当たりがない場合は、"
                "ワークスペースの管理者に連絡してください。\n"
            ),
        ),
    },
}


def write_mail(  # noqa: PLR0913
    kind: MailKind,
    id_: str,
    workspace: str,
    name: str,
    recipient: str,
    secret: str,
    head: Letterhead,
) -> Mail:
    """A mail; `name` is the workspace, the person or the account that it speaks of."""
    words = _WORDS[kind]
    subject, body = words.get(head.language, words["en"])
    said = {"name": " ".join(name.split()), "link": head.link_to(secret) if secret else ""}
    return Mail(
        id=id_,
        workspace=workspace,
        kind=kind,
        recipient=recipient,
        sender=head.sender,
        template=head.template,
        subject=subject.format_map(said),
        body=body.format_map(said),
    )


def invitation(  # noqa: PLR0913
    id_: str, workspace: str, place: str, recipient: str, secret: str, head: Letterhead
) -> Mail:
    """Ask somebody to come into a workspace, which is called `place`."""
    return write_mail("invitation", id_, workspace, place, recipient, secret, head)
