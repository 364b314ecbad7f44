@rem Written by callbus provision, a9507374. Once it has been changed by hand it is not overwritten.
@curl.exe -sGm 5 "http://callbus.office:8080/microsip/ended?line=102" --data-urlencode "remote=%~1"
