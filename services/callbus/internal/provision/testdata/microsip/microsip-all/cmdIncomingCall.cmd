@rem Written by callbus provision, 79cf4ab7. Once it has been changed by hand it is not overwritten.
@curl.exe -sGm 5 "http://callbus.office:8080/microsip/incoming" --data-urlencode "remote=%~1"
