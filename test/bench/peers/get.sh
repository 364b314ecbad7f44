#!/bin/sh
# Gets the software that the bench compares Callbus with: nginx and PHP-FPM from Debian or Ubuntu, Node-RED from npm into this folder.
set -e
apt-get install -y --no-install-recommends nginx-light php-fpm php-soap nodejs npm
npm install --no-audit --no-fund --no-save --no-package-lock --prefix "$(dirname "$0")" node-red@4.1.15
