"""Judges a provenance object by the reference implementation: `judge.py TRUSTED-ROOT PROVENANCE FILE`.

Prints the publisher and the predicate types that hold; or why one does not, and ends with 1.
"""

import sys
from pathlib import Path

from pypi_attestations import Distribution, Provenance, VerificationError
from sigstore.models import TrustedRoot
from sigstore.verify import Verifier

trusted = TrustedRoot.from_file(sys.argv[1])
Verifier.production = classmethod(lambda cls, *, offline=False: cls(trusted_root=trusted))

provenance = Provenance.model_validate_json(Path(sys.argv[2]).read_bytes())
file = Distribution.from_file(Path(sys.argv[3]))
for bundle in provenance.attestation_bundles:
    for attestation in bundle.attestations:
        try:
            predicate, _ = attestation.verify(bundle.publisher, file, offline=True)
        except VerificationError as error:
            print(error)
            sys.exit(1)
        print(bundle.publisher.kind, bundle.publisher.repository, bundle.publisher.workflow, predicate)
