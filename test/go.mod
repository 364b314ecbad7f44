module github.com/callbus/callbus/test

go 1.26.0
