<?php
// The phone's hit is a SOAP call of 1C, as in the original article: checkphone.php?event=1&p1=$remote&p2=$display_local
try {
    $onec = new SoapClient($_SERVER['ONEC'] . '?wsdl', ['location' => $_SERVER['ONEC'], 'connection_timeout' => 5]);
    $onec->TelData(['Nomer_Sobitia' => $_GET['event'], 'Nomer_sip' => $_GET['p1'], 'moi_nomer' => $_GET['p2']]);
} catch (SoapFault $e) {
    http_response_code(502);
}
