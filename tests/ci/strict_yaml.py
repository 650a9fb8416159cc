"""YAML, read as strictly as the CIs do it."""

import yaml


class Strict(yaml.SafeLoader):
    """No key is there twice."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len(keys) != len(set(keys)):
            raise ValueError(f"a key is there twice: {keys}")
        return super().construct_mapping(node, deep)


def read(path, loader=Strict):
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, loader)
