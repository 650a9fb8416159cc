#!/bin/sh
# The person's BROWSER: notes the address and is done, as a desktop's launcher is. What opens it is browser.mjs, when
# the test says that the person does.
printf '%s\n' "$1" >> "$OPENED_TABS"
