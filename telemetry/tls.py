"""Where one side of a TLS connection finds its certificate, and whom it believes."""

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TlsFiles:
    """PEM files of one side.

    Parameters
    ----------
    ca
        Certificate of the authority that signs the other side's.
    certificate, key
        One's own.
    """

    ca: Path
    certificate: Path
    key: Path

    def client_context(self) -> ssl.SSLContext:
        """Believe this authority only, check the server's name, and show one's own certificate.

        Raises
        ------
        OSError
            If a file is missing or is no PEM file of its kind.
        """
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(self.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(str(self.certificate), str(self.key))
        return context


@dataclass(frozen=True)
class ServerTls:
    """What a broker needs to listen with TLS: its files, and the list of the certificates that it must refuse."""

    files: TlsFiles
    crl: Path
