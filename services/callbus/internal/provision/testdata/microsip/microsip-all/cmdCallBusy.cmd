@rem Written by callbus provision, e905c93a. Once it has been changed by hand it is not overwritten.
@curl.exe -sGm 5 "http://callbus.office:8080/microsip/ended" --data-urlencode "remote=%~1"
