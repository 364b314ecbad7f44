<?php
/*
 * A TelData web service on PHP's own SoapServer, for the tests of test/peers: somebody else's SOAP on the other end.
 *
 *   CALLBUS_WSDL    file with the description
 *   CALLBUS_RECORD  file that gets one line of JSON for each request: {"raw": envelope in base64, "type", "action",
 *                   "call": the decoded arguments, or null where PHP never came to call the operation}
 *   CALLBUS_FAULT   file; while it exists, the operation throws a SoapFault with its content
 *   CALLBUS_USER, CALLBUS_PASSWORD  ask for Basic authentication
 *
 * SoapServer serves the description for GET ?wsdl, and calls for POST with or without it.
 */

final class TelData
{
    public ?array $call = null;

    /** The operation is document/literal wrapped, so PHP gives all parameters in one object. */
    public function TelData($parameters): array
    {
        $this->call = get_object_vars($parameters);
        $fault = getenv('CALLBUS_FAULT');
        if ($fault !== false && is_file($fault)) {
            throw new SoapFault('Server', file_get_contents($fault));
        }
        return ['return' => 'PHP took event ' . ($parameters->Nomer_Sobitia ?? 'nothing')];
    }
}

function allowed(): bool
{
    $user = getenv('CALLBUS_USER');
    return $user === false || $user === ''
        || ($_SERVER['PHP_AUTH_USER'] ?? '') === $user && ($_SERVER['PHP_AUTH_PW'] ?? '') === getenv('CALLBUS_PASSWORD');
}

function record(string $raw, ?array $call): void
{
    $line = json_encode([
        'raw' => base64_encode($raw),
        'type' => $_SERVER['CONTENT_TYPE'] ?? '',
        'action' => $_SERVER['HTTP_SOAPACTION'] ?? '',
        'call' => $call,
    ], JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
    file_put_contents(getenv('CALLBUS_RECORD'), $line . "\n", FILE_APPEND | LOCK_EX);
}

if (!allowed()) {
    header('WWW-Authenticate: Basic realm="PHP"');
    http_response_code(401);
    return;
}

$raw = file_get_contents('php://input');
$service = new TelData();
$server = new SoapServer(getenv('CALLBUS_WSDL'), ['cache_wsdl' => WSDL_CACHE_NONE]);
$server->setObject($service);
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    /* A fault ends the script inside handle(), and so does a request that PHP cannot read. */
    register_shutdown_function(fn () => record($raw, $service->call));
    $server->handle($raw);
} else {
    $server->handle();
}
