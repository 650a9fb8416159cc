//! The source distribution of a [`Wheel`]: its module, and a build backend that needs nothing but Python.

use super::{Wheel, archive};

/// PEP 517 backend inside the sdist (`backend-path`): packs the files of `dist-info` and the module into a wheel.
const BACKEND: &str = r#"
import base64, hashlib, os, zipfile

NAME, VERSION, MODULE = "{name}", "{version}", "{module}"

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    info = "%s-%s.dist-info" % (MODULE, VERSION)
    files = {MODULE + ".py": open(MODULE + ".py", "rb").read(), info + "/METADATA": open("PKG-INFO", "rb").read()}
    files[info + "/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: daypass-testkit\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = ""
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += "%s,sha256=%s,%d\n" % (path, digest, len(data))
    files[info + "/RECORD"] = (record + info + "/RECORD,,\n").encode()
    file_name = "%s-%s-py3-none-any.whl" % (MODULE, VERSION)
    with zipfile.ZipFile(os.path.join(wheel_directory, file_name), "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return file_name
"#;

const PYPROJECT: &str = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n";

pub(super) fn build(wheel: &Wheel) -> Vec<u8> {
    let top = format!("{}-{}", wheel.module_name(), wheel.version);
    let backend = BACKEND
        .replace("{name}", &wheel.name)
        .replace("{version}", &wheel.version)
        .replace("{module}", &wheel.module_name());
    archive::tar_gz(&[
        (format!("{top}/PKG-INFO"), wheel.metadata().into_bytes()),
        (format!("{top}/pyproject.toml"), PYPROJECT.as_bytes().to_vec()),
        (format!("{top}/backend.py"), backend.into_bytes()),
        (format!("{top}/{}.py", wheel.module_name()), wheel.module.clone().into_bytes()),
    ])
}
