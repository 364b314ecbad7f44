@rem Written by callbus provision, 63121471. Once it has been changed by hand it is not overwritten.
@curl.exe -sGm 5 "http://callbus.office:8080/microsip/outgoing" --data-urlencode "remote=%~1"
