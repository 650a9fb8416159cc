//! A private wheel, built on the spot.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{command::answer, tools::Python};

/// PEP 427 with nothing left out that an installer looks for.
const SCRIPT: &str = r#"
import base64, hashlib, pathlib, sys, zipfile

folder, size = pathlib.Path(sys.argv[1]), int(sys.argv[2])
name, info = "acme_hello-1.0-py3-none-any.whl", "acme_hello-1.0.dist-info"
files = {
    "acme_hello.py": b'def hello() -> str:\n    return "hello from a private package"\n',
    f"{info}/METADATA": b"Metadata-Version: 2.1\nName: acme-hello\nVersion: 1.0\nRequires-Python: >=3.9\n",
    f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: demo\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
if size:
    files["acme_hello_data.bin"] = hashlib.shake_128(b"acme").digest(size)
record = ""
for path, data in files.items():
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    record += f"{path},sha256={digest},{len(data)}\n"
files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_STORED) as wheel:
    for path, data in files.items():
        wheel.writestr(path, data)
print(folder / name)
"#;

/// Writes `acme_hello-1.0-py3-none-any.whl` into `folder`, with so many bytes of data beside its module.
pub(crate) fn acme_hello(python: &Python, folder: &Path, data: usize) -> Result<PathBuf> {
    let path = answer(python.command().args(["-c", SCRIPT]).arg(folder).arg(data.to_string()))?;
    Ok(path.into())
}
