@rem Written by callbus provision, 6331e08c. Once it has been changed by hand it is not overwritten.
@curl.exe -sGm 5 "http://callbus.office:8080/microsip/outgoing?line=102" --data-urlencode "remote=%~1"
