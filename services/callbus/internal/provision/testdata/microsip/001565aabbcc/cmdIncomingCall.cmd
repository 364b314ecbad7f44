@rem Written by callbus provision, 7e33c321. Once it has been changed by hand it is not overwritten.
@curl.exe -sGm 5 "http://callbus.office:8080/p/001565aabbcc.AAAAAAAAAAAAAAAAAAAAAA/microsip/incoming?line=101" --data-urlencode "remote=%~1"
