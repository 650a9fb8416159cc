"""botocore asks the agent of a container, or the metadata of a machine, for keys: whoever fakes these is judged by it.

    judge.py container | machine   with the variables of the container or machine   ->  the keys, as JSON
"""

import json
import sys

from botocore.credentials import ContainerProvider, InstanceMetadataProvider
from botocore.session import Session
from botocore.utils import IMDSRegionProvider, InstanceMetadataFetcher

session = Session()
if sys.argv[1] == "container":
    provider, region = ContainerProvider(), None
else:
    endpoint = session.get_config_variable("ec2_metadata_service_endpoint")
    fetcher = InstanceMetadataFetcher(timeout=2, num_attempts=1, config={"ec2_metadata_service_endpoint": endpoint})
    provider, region = InstanceMetadataProvider(fetcher), IMDSRegionProvider(session).provide()
keys = provider.load().get_frozen_credentials()
print(json.dumps({"keys": [keys.access_key, keys.secret_key, keys.token], "region": region}))
